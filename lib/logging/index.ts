export { TextLogger } from './text-logger';
export { InteractiveLogger } from './interactive-logger';
export { CSVLogger } from './csv-logger';
export { TensorboardLogger } from './tensorboard-logger';
export type { Logger } from '../hooks/strategy';
