/** The warnings of the package that come meanwhile, as `code: message`. */
export async function warnings(run: () => unknown): Promise<string[]> {
  const seen: string[] = [];
  const listen = (warning: Error & { code?: string }) => {
    if (warning.name === 'ContinualTorchWarning') seen.push(`${warning.code}: ${warning.message}`);
  };
  process.on('warning', listen);
  try {
    await run();
    await new Promise(setImmediate);
  } finally {
    process.off('warning', listen);
  }
  return seen;
}
