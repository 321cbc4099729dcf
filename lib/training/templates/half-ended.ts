import { ContinualTorchError } from '../../errors';
import { experienceKey } from '../../evaluation/trained-steps';
import { pluginName } from '../../hooks/plugin';
import type { Plugin } from '../../hooks/strategy';
import type { AnyExperience } from '../../hooks/train-options';
import type { Place } from './place';

/** An experience that has been learned, and whose last hooks (`afterTrainingExp`) have not all been called. */
export class HalfEnded {
  private readonly plugin: Plugin | undefined;

  /**
   * @param place the hook that comes next
   * @param restore puts back, step by step, what that hook finds
   */
  constructor(
    readonly experience: AnyExperience,
    readonly place: Place,
    plugins: readonly Plugin[],
    readonly restore: readonly (() => void)[],
  ) {
    this.plugin = plugins[place.plugin];
  }

  /** Whether this is the experience, also where the benchmark has made another object of it. */
  isOf(experience: AnyExperience): boolean {
    return experienceKey(experience) === experienceKey(this.experience);
  }

  /** The index of the plugin whose hook comes next: of the same, or where it has been taken out, of the one in its place. */
  next(plugins: readonly Plugin[]): number {
    const index = this.plugin ? plugins.indexOf(this.plugin) : -1;
    return index < 0 ? this.place.plugin : index;
  }

  /** @throws ERR_CALL_ORDER unless this is the experience */
  require(experience: AnyExperience): void {
    if (this.isOf(experience)) return;
    const name = ({ currentExperience, originStream }: AnyExperience) => `experience ${currentExperience} of stream "${originStream.name}"`;
    const hook = this.plugin ? `afterTrainingExp of ${pluginName(this.plugin)}` : 'its last hooks';
    throw new ContinualTorchError(
      'ERR_CALL_ORDER',
      `train: expected ${name(this.experience)}, which is half ended, got ${name(experience)}: train that one again, which goes on with ` +
        `${hook}, or give { restart: true }, which gives its ending up`,
    );
  }
}
