import { validRange } from '@renovatebot/pep440';
import { type EnvironmentMarker, type EnvironmentMarkerLeaf, parsePipRequirementsLine } from 'pip-requirements-js';
import { FetchError } from './failure';
import type { Platform } from './platform';

/** A package that another one needs, and which of its versions will do. */
export interface Requirement {
  /** As an index names its pages: small letters, one hyphen between words. */
  name: string;
  extras: string[];
  /** PEP 440's: `<14,>=13.0.88`; empty: any. */
  versions: string;
}

/**
 * What a wheel's metadata requires on a platform of the packages that `isWanted` names.
 * @param extras of the wheel's own, that were asked for
 */
export function requirementsIn(
  metadata: string,
  platform: Platform,
  isWanted: (name: string) => boolean,
  extras: readonly string[] = [],
): Requirement[] {
  const requirements: Requirement[] = [];
  for (const line of metadata.split(/\r?\n/)) {
    if (line === '') break; // The description begins.
    const [, text] = /^Requires-Dist:\s*(.*)$/.exec(line) ?? [];
    const name = /^[\w.-]+/.exec(text ?? '')?.[0].toLowerCase().replace(/[-_.]+/g, '-');
    if (text === undefined || name === undefined || !isWanted(name)) continue;
    const parsed = parse(text);
    if (parsed.environmentMarkerTree && !holds(parsed.environmentMarkerTree, platform, extras)) continue;
    requirements.push({ name, extras: parsed.extras ?? [], versions: parsed.versions });
  }
  return requirements;
}

function parse(text: string) {
  try {
    const parsed = parsePipRequirementsLine(text);
    if (parsed?.type === 'ProjectName') {
      const versions = (parsed.versionSpec ?? []).map(({ operator, version }) => `${operator}${version}`).join(',');
      if (validRange(versions)) return { ...parsed, versions };
    }
  } catch {
    // The message is for people who write requirements.
  }
  throw new FetchError(`PyTorch requires "${text}", which this version of continual-torch cannot read.`);
}

/** Whether a marker holds. What is said of the Python counts as true: none runs the wheel, so none is the wrong one. */
function holds(marker: EnvironmentMarker, platform: Platform, extras: readonly string[]): boolean {
  if (marker.operator === 'and') return holds(marker.left, platform, extras) && holds(marker.right, platform, extras);
  if (marker.operator === 'or') return holds(marker.left, platform, extras) || holds(marker.right, platform, extras);
  const { left, operator, right }: Record<keyof EnvironmentMarkerLeaf, string> = marker as EnvironmentMarkerLeaf;
  const [variable, text] = /^['"]/.test(left) ? [right, left] : [left, right];
  const wanted = text.slice(1, -1);
  const actual: readonly (string | undefined)[] = variable === 'extra' ? extras : [platform.markers[variable]];
  if (actual.includes(undefined)) return true;
  if (operator === '==') return actual.includes(wanted);
  if (operator === '!=') return !actual.includes(wanted);
  return true;
}
