export { autocast, isAutocastEnabled, type AutocastOptions } from './autocast';
export { GradScaler, type GradScalerOptions, type GradScalerStateDict } from './grad-scaler';
