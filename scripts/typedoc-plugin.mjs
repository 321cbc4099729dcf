// What typedoc has to be told of this package.
import { Comment, Converter, ReflectionKind } from 'typedoc';

/** What typedoc calls. */
export function load({ converter }) {
  converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => {
    // Operators that Tensor has by way of TensorMethods stand there: elsewhere they would hide everything else.
    for (const reflection of Object.values(project.reflections)) {
      if (/^TensorMethods\./.test(reflection.inheritedFrom?.name ?? '')) project.removeReflection(reflection);
    }
    // A hook is described once, for all plugins and loggers that have it.
    for (const signature of project.getReflectionsByKind(ReflectionKind.CallSignature)) {
      if (!/^(before|after)[A-Z]/.test(signature.name) || signature.comment) continue;
      signature.comment = new Comment([{ kind: 'text', text: 'A hook of the strategy, see `Hook`.' }]);
    }
  });
}
