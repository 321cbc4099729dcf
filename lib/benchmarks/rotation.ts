import { ops } from '../tensor/operators';
import { cpuTensor } from '../tensor/creation';
import { type Tensor } from '../tensor/tensor';

/**
 * Where each pixel of an image comes from when it is turned counter-clockwise about its centre, as a transform's
 * `permutation`: int64 [rows * columns], -1 for a pixel from outside. Equals torchvision's `RandomRotation` with its
 * defaults (nearest neighbour, fill 0) on a float32 image, because the same kernels of libtorch, in float32, decide
 * which neighbour is the nearest.
 */
export function rotationIndices(rows: number, columns: number, degrees: number): Tensor {
  const angle = Math.fround(degrees) * (Math.PI / 180);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const aten = ops.aten as Record<string, (...args: unknown[]) => Tensor>;

  // Centres of pixels [1, rows * columns, 3] times the inverse rotation [1, 3, 2], in units of half the image.
  const centres = Array.from({ length: rows * columns }, (_, i) => [
    (i % columns) - (columns - 1) / 2,
    Math.floor(i / columns) - (rows - 1) / 2,
    1,
  ]);
  const inverse = aten.div!(
    cpuTensor([
      [
        [cos, sin],
        [-sin, cos],
        [0, 0],
      ],
    ]),
    cpuTensor([0.5 * columns, 0.5 * rows]),
  );
  const grid = aten.view!(aten.bmm!(cpuTensor([centres]), inverse), [1, rows, columns, 2]);

  const numbered = aten.view!(aten.arange!(1, rows * columns + 1, { dtype: 'float32', device: 'cpu' }), [1, 1, rows, columns]);
  const nearest = 1;
  const zeros = 0;
  const turned = aten.grid_sampler!(numbered, grid, nearest, zeros, false);
  return aten.sub!(aten.to!(aten.flatten!(turned), 'int64'), 1);
}
