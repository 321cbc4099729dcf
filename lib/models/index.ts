export { DynamicModule } from './dynamic-module';
export { avalancheModelAdaptation, type Adaptable } from './model-adaptation';
export { IncrementalClassifier, type IncrementalClassifierOptions } from './incremental-classifier';
export { SimpleMLP, type SimpleMLPOptions } from './simple-mlp';
