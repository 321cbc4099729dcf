import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, it } from 'mocha';
import '../../lib';
import { loadedLibraries } from '../../lib/libtorch/loaded-libraries';

type Report = NodeJS.ProcessReport & { getReport: () => object };

/** As the runtimes report that have no list of libraries, or an empty one. */
function withReport<T>(change: (report: Record<string, unknown>) => void, work: () => T): T {
  const settings = process.report as Report;
  const { getReport } = settings;
  settings.getReport = () => {
    const report = getReport.call(settings) as Record<string, unknown>;
    change(report);
    return report;
  };
  try {
    return work();
  } finally {
    settings.getReport = getReport;
  }
}

describe('what a process has loaded', () => {
  if (process.platform !== 'linux') return;

  const isLibtorch = (file: string) => path.basename(file) === 'libtorch_cpu.so';

  for (const [runtime, change] of [
    ['Deno', (report: Record<string, unknown>) => delete report['sharedObjects']],
    ['Bun', (report: Record<string, unknown>) => (report['sharedObjects'] = [])],
  ] as const) {
    it(`is read from the system where the report is ${runtime}'s, glibc's version too`, () => {
      const expected = loadedLibraries();
      const { files, glibc } = withReport((report) => {
        change(report);
        report['header'] = { glibcVersionRuntime: '9.99' };
      }, loadedLibraries);
      assert.equal(glibc, expected.glibc);
      assert.deepEqual(files.filter(isLibtorch), expected.files.filter(isLibtorch));
      assert.equal(files.filter(isLibtorch).length, 1);
    });
  }
});
