/** @internal The buffer of a task's active units. */
export const unitsName = (task: number) => `active_units_T${task}`;

/**
 * @internal The TorchScript methods of a multi-head classifier with the heads of these tasks. TorchScript picks no child by a
 * name known at run time, so the choice is written out over the heads.
 */
export const multiHeadMethods = (tasks: readonly number[]) => `
def forward_single_task(self, input: Tensor, task_label: int) -> Tensor:
  output = input
  active = self.${unitsName(tasks[0]!)}
  found = False
${tasks.map(choice).join('')}
  assert found, "MultiHeadClassifier: expected a task that has a head, got {}".format(task_label)
  if self.masking:
    lacking = output.size(-1) - active.size(0)
    if lacking > 0:
      active = torch.constant_pad_nd(active, [0, lacking])
    output = output.masked_fill(torch.logical_not(active), self.mask_value)
  return output

def forward(self, input: Tensor, task_labels: Tensor) -> Tensor:
  output = torch.full([input.size(0), self.max_class_label], self.fill_value, dtype=input.dtype, device=input.device)
  unique, inverse, counts = torch._unique2(task_labels.to(dtype=4))  # int64
  tasks : List[int] = unique.tolist()
  for task in tasks:
    chosen = task_labels == task
    part = self.forward_single_task(input[chosen], task)
    assert part.dim() == 2, "MultiHeadClassifier: expected an input [B, features]"
    output[chosen, :part.size(1)] = part
  return output

def forward_all_tasks(self, input: Tensor) -> Dict[int, Tensor]:
  outputs : Dict[int, Tensor] = {}
  for task in self.known_train_tasks_labels:
    outputs[task] = self.forward_single_task(input, task)
  return outputs
`;

const choice = (task: number) => `  if task_label == ${task}:
    output = getattr(self.classifiers, "${task}").forward(input)
    active = self.${unitsName(task)}
    found = True
`;
