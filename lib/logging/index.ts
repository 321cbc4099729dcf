export { TextLogger, type TextLoggerStateDict } from './text-logger';
export { InteractiveLogger } from './interactive-logger';
export { CSVLogger, type CSVLoggerStateDict } from './csv-logger';
export { TensorboardLogger, type TensorboardLoggerStateDict } from './tensorboard-logger';
export type { Logger } from '../hooks/strategy';
