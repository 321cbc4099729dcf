// What the command and the set-up fetch with: `continual-torch fetch-libtorch` CUDA's build, the set-up of a clone the CPU's.
export { fetchBuild, isWhole, placeBuild } from './build';
export { describeFileError, Dropped, FetchError, NoRoom } from './failure';
export { platformOf } from './platform';
export { largestCpuWheel, requireRoom } from './wheels';
