export { SimpleMLP, type SimpleMLPOptions } from './simple-mlp';
