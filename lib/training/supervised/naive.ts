import { SupervisedTemplate, type SupervisedTemplateOptions } from '../templates/supervised';

/** Plain fine-tuning: each experience is learned as it comes, and nothing protects the earlier ones. */
export class Naive extends SupervisedTemplate {
  constructor(options: SupervisedTemplateOptions) {
    super({ evalMbSize: null, ...options });
  }
}
