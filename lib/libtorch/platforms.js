// @ts-check
// What packages there are with binaries, and their names. JavaScript, because the scripts that make them read it too.

/** Named as Node names them: platform and processor. */
const PLATFORMS = ['linux-x64', 'linux-arm64', 'darwin-arm64', 'win32-x64'];

/**
 * The package of a platform's addons, one for each minor version of libtorch.
 * @param {string} platform
 */
const addonPackage = (platform) => `@continual-torch/${platform}`;

/**
 * The package of a platform's libtorch: its CPU libraries.
 * @param {string} platform
 */
const libtorchPackage = (platform) => `@continual-torch/libtorch-${platform}`;

module.exports = { PLATFORMS, addonPackage, libtorchPackage };
