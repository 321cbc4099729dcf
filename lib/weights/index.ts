export { loadSafetensors, type LoadOptions, readSafetensorsMetadata, saveSafetensors } from './safetensors';
