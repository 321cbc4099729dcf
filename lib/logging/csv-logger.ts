import path from 'node:path';
import type { EmittedMetric } from '../evaluation/metric';
import { parseArgument } from '../options';
import { Tensor } from '../tensor/tensor';
import type { SupervisedTemplate } from '../training/templates/supervised';
import { fourDecimals } from './four-decimals';
import { folderName, LogFile } from './log-file';
import type { Logger } from './logger';

const trainingColumns = ['training_exp', 'epoch', 'training_accuracy', 'val_accuracy', 'training_loss', 'val_loss'];
const evalColumns = ['eval_exp', 'training_exp', 'eval_accuracy', 'eval_loss', 'forgetting'];

/**
 * Accuracy and loss in two files of the folder, which are overwritten: `training_results.csv` has a row for each training
 * epoch, `eval_results.csv` one for each experience evaluated outside of training. They need `accuracyMetrics` and
 * `lossMetrics` of epoch and experience, the last column `forgettingMetrics` of experience; a value that is missing is 0, a
 * `training_exp` before any training None.
 *
 * `val_accuracy` and `val_loss` are those of the latest experience evaluated inside training. That evaluation comes after
 * the epoch's row, so that they lag one epoch behind, as in the reference.
 */
export class CSVLogger implements Logger {
  private readonly training: LogFile;
  private readonly evaluation: LogFile;
  private trainingExp: number | null = null;
  private isInsideTraining = false;
  private validation: { accuracy?: EmittedMetric; loss?: EmittedMetric } = {};

  /**
   * @param folder made where it does not exist. Default "csvlogs".
   * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE; ERR_LOG_WRITE, also while training
   */
  constructor(folder = 'csvlogs') {
    parseArgument('CSVLogger', 'folder', folderName, folder);
    this.training = new LogFile('CSVLogger', path.join(folder, 'training_results.csv'), row(trainingColumns));
    this.evaluation = new LogFile('CSVLogger', path.join(folder, 'eval_results.csv'), row(evalColumns));
  }

  /** Nothing: each row takes what belongs in it from its own hook. */
  logMetrics(): void {}

  beforeTrainingExp({ experience }: SupervisedTemplate): void {
    this.trainingExp = experience!.currentExperience;
  }

  async afterTrainingEpoch({ clock }: SupervisedTemplate, values: readonly EmittedMetric[]): Promise<void> {
    const ofStream = values.filter(({ name }) => name.includes('train_stream'));
    const { accuracy, loss } = this.validation;
    this.training.append(
      row([
        label(this.trainingExp),
        String(clock.trainExpEpochs),
        format(find(ofStream, 'Top1_Acc_Epoch')),
        format(accuracy),
        format(find(ofStream, 'Loss_Epoch')),
        format(loss),
      ]),
    );
    await this.training.flush();
  }

  /** Inside of training there is an experience to come back to, or streams are set for periodic evaluation. */
  beforeEval({ experience, evalStreams }: SupervisedTemplate): void {
    this.isInsideTraining = experience !== null || evalStreams.length > 0;
  }

  async afterEvalExp({ experience }: SupervisedTemplate, values: readonly EmittedMetric[]): Promise<void> {
    const accuracy = find(values, 'Top1_Acc_Exp');
    const loss = find(values, 'Loss_Exp');
    if (this.isInsideTraining) {
      this.validation = { accuracy: accuracy ?? this.validation.accuracy, loss: loss ?? this.validation.loss };
      return;
    }
    const forgetting = find(values, 'ExperienceForgetting');
    const { currentExperience } = experience!;
    this.evaluation.append(
      row([String(currentExperience), label(this.trainingExp), format(accuracy), format(loss), format(forgetting)]),
    );
    await this.evaluation.flush();
  }

  /** Nothing can be written from now on. */
  async close(): Promise<void> {
    await Promise.all([this.training.close(), this.evaluation.close()]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function row(fields: string[]): Buffer {
  return Buffer.from(`${fields.join(',')}\n`);
}

function label(experience: number | null): string {
  return experience === null ? 'None' : String(experience);
}

function find(values: readonly EmittedMetric[], metric: string): EmittedMetric | undefined {
  return values.findLast(({ name }) => name.startsWith(metric));
}

function format(value: EmittedMetric | undefined): string {
  return value === undefined || value.value instanceof Tensor ? '0' : fourDecimals(value.value);
}
