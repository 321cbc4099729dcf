// What an addon or a library asks of the machine that loads it, as the platform's own tools tell.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { probe } from '../setup/run.mjs';

function ask(command, args) {
  const { ok, stdout, stderr } = probe(command, args);
  if (!ok) throw new Error(`${command} ${args.join(' ')} failed: ${stderr.trim() || 'it is not installed'}`);
  return stdout;
}

const matches = (text, pattern) => [...text.matchAll(pattern)].map(([, match]) => match);

/** @param {string} text  of `readelf -d` or `otool -L` */
export function parseNeeded(text, os) {
  if (os === 'linux') return matches(text, /\(NEEDED\).*\[(.*)\]/g);
  return matches(text, /^\t(.*) \(compatibility/gm);
}

/** @param {string} text  of `readelf -d` or `otool -l` */
export function parseRunPaths(text, os) {
  if (os === 'linux') return matches(text, /\((?:RUNPATH|RPATH)\).*\[(.*)\]/g).flatMap((list) => list.split(':'));
  return matches(text, /cmd LC_RPATH\n.*\n\s+path (.*) \(offset/g);
}

/** The newest glibc that a binary asks for. @param {string} text  of `readelf --version-info` */
export function parseGlibc(text) {
  const versions = matches(text, /Name: GLIBC_(\d+(?:\.\d+)+)/g).map((version) => version.split('.').map(Number));
  const newest = versions.sort(([major, minor], [otherMajor, otherMinor]) => otherMajor - major || otherMinor - minor)[0];
  return newest?.join('.') ?? null;
}

/** The libraries that a binary names; Windows has no tool for it outside Visual Studio. */
export function neededLibraries(file, os) {
  if (os === 'win32') return [];
  const needed = parseNeeded(os === 'linux' ? ask('readelf', ['-dW', file]) : ask('otool', ['-L', file]), os);
  // A library of macOS names itself first.
  return needed.filter((name) => basename(name) !== basename(file));
}

export function runPaths(file, os) {
  if (os === 'win32') return [];
  return parseRunPaths(os === 'linux' ? ask('readelf', ['-dW', file]) : ask('otool', ['-l', file]), os);
}

/** The newest glibc that any of these asks for; null where there is no glibc. */
export function neededGlibc(files, os) {
  if (os !== 'linux') return null;
  return parseGlibc(files.map((file) => ask('readelf', ['-VW', file])).join('\n'));
}

/** Takes out what only a debugger reads. macOS signs its libraries, so there they stay as they are. */
export function strip(file, os) {
  if (os === 'linux') ask('strip', ['--strip-unneeded', file]);
}

/** Which of these texts, folders of the build machine for example, stand in a binary. */
export function textsInside(file, texts) {
  const bytes = readFileSync(file);
  return texts.filter((text) => bytes.includes(text));
}
