/** All questions, in the order in which they are asked. */
import type { Question } from '../question';
import { checkpointQuestions } from './checkpoint';
import { eventLoop } from './event-loop';
import { floor } from './floor';
import { importQuestion } from './import';
import { importance } from './importance';
import { listeners } from './listeners';
import { ewcExperiences, manyExperiences } from './many-experiences';
import { memory } from './memory';
import { mlpCalls } from './mlp-call';
import { operatorCall } from './operator-call';
import { penalty } from './penalty';
import { penaltyBandwidth, penaltyBandwidth351m } from './penalty-bandwidth';
import { penaltyProximal } from './penalty-proximal';
import { pythonLoopQuestion } from './python-loop';
import { safetensorsMemory } from './safetensors-memory';
import { sampleImportanceQuestions } from './sample-importance';
import { server } from './server';
import { simpleCnnMas } from './simple-cnn-mas';
import { slimResnetMas } from './slim-resnet-mas';
import { snapshot } from './snapshot';
import { splitMnistMas } from './split-mnist-mas';
import { splitMnistMasMb10 } from './split-mnist-mas-mb10';
import { splitMnistMethods } from './split-mnist-methods';
import { splitMnistNaive } from './split-mnist-naive';
import { template } from './template';

export const questions: readonly Question[] = [
  splitMnistMas,
  splitMnistMasMb10,
  splitMnistNaive,
  ...splitMnistMethods,
  importance,
  ...sampleImportanceQuestions,
  simpleCnnMas,
  slimResnetMas,
  floor,
  pythonLoopQuestion,
  penalty,
  penaltyBandwidth,
  penaltyBandwidth351m,
  penaltyProximal,
  template,
  listeners,
  manyExperiences,
  ewcExperiences,
  eventLoop,
  memory,
  importQuestion,
  operatorCall,
  ...mlpCalls,
  safetensorsMemory,
  snapshot,
  ...checkpointQuestions,
  server,
];
