// Variables of the environment that are set before the package is loaded: NAME=VALUE, as many as there are arguments.
import { readdirSync } from 'node:fs';

const threads = () => readdirSync('/proc/self/task').length;

async function main(): Promise<void> {
  for (const argument of process.argv.slice(2)) {
    const [name, value] = argument.split('=') as [string, string];
    process.env[name] = value;
  }
  const { getNumThreads, jit, nn, torch } = await import('../../../lib/index.js');
  const large = torch.ones([500, 500], { device: 'cpu' });
  const medium = torch.ones([180, 180], { device: 'cpu' });
  // The team is the compute thread's from now on.
  await jit.saveToBuffer(new nn.Linear(2, 2));
  large.matmul(large);
  const before = threads();
  for (let i = 0; i < 5; i++) medium.matmul(medium);
  console.log(`${getNumThreads()}, threads started on the JavaScript thread: ${threads() - before}`);
}

void main();
