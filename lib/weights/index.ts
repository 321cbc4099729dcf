export { loadSafetensors, type LoadOptions, readSafetensorsMetadata, saveSafetensors } from './safetensors';
export type { Loaded } from './torch-file';
export type { Picklable, PicklableKey } from './pickler';
