// What typedoc has to be told of this package.
import { Comment, Converter, IntrinsicType, ReflectionKind } from 'typedoc';

const text = (text) => new Comment([{ kind: 'text', text }]);

/** What typedoc calls. */
export function load({ converter }) {
  converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => {
    // Operators that Tensor has by way of TensorMethods stand there: elsewhere they would hide everything else.
    for (const reflection of Object.values(project.reflections)) {
      if (/^TensorMethods\./.test(reflection.inheritedFrom?.name ?? '')) project.removeReflection(reflection);
    }
    // A hook is described once, for all plugins and loggers that have it.
    for (const signature of project.getReflectionsByKind(ReflectionKind.CallSignature)) {
      if (signature.comment) continue;
      if (/^(before|after)[A-Z]|^hook$/.test(signature.name)) signature.comment = text('A hook of the strategy, see `Hook`.');
      if (signature.name === '[custom]') signature.comment = text('What `console.log` shows.');
    }
    // A schema of options is a shape of zod: its members say nothing that the options do not say.
    for (const variable of project.getReflectionsByKind(ReflectionKind.Variable)) {
      if (!/Options$/.test(variable.name) || variable.type?.type !== 'reflection') continue;
      project.removeReflection(variable.type.declaration);
      variable.type = new IntrinsicType('z.ZodRawShape');
    }
  });
}
