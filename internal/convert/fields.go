package convert

// The fields of containers whose name has changed.
const (
	fieldResources        = "resources"
	fieldComputeResources = "computeResources"
	fieldBundle           = "bundle"
)

// What to write in place of fields that v1 does not have.
const (
	adviceResources = "PipelineResources do not exist any more; use params and workspaces, and a Task such as git-clone for the files"
	adviceBundle    = "it was replaced by the resolver bundles; write resolver: bundles with the params bundle, name and kind"
	adviceCompute   = "v1beta1 has this field under the name resources; rename it, or write apiVersion: tekton.dev/v1"
)

// withoutEffect returns the fields of steps and of the stepTemplate that v1beta1 has and that never had an effect on a step: they
// were in its schema because it once was that of a container.
func withoutEffect() []string {
	return []string{
		"ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "terminationMessagePath", "terminationMessagePolicy",
		"stdin", "stdinOnce", "tty",
	}
}

// taskSpec changes the spec of a Task.
func taskSpec(o map[string]any) *FieldError {
	return first(
		refuse(o, fieldResources, adviceResources),
		each(o, "steps", step),
		in(o, "stepTemplate", stepTemplate),
		each(o, "sidecars", computeResources),
	)
}

func step(o map[string]any) *FieldError {
	for _, field := range withoutEffect() {
		delete(o, field)
	}
	return computeResources(o)
}

func stepTemplate(o map[string]any) *FieldError {
	delete(o, "name") // the template of a container; a step has its own
	return step(o)
}

// computeResources renames the field of a container.
func computeResources(o map[string]any) *FieldError {
	if failed := refuse(o, fieldComputeResources, adviceCompute); failed != nil {
		return failed
	}
	if value, ok := o[fieldResources]; ok {
		o[fieldComputeResources] = value
		delete(o, fieldResources)
	}
	return nil
}

// pipelineSpec changes the spec of a Pipeline.
func pipelineSpec(o map[string]any) *FieldError {
	return first(
		refuse(o, fieldResources, adviceResources),
		each(o, "tasks", pipelineTask),
		each(o, "finally", pipelineTask),
	)
}

func pipelineTask(o map[string]any) *FieldError {
	return first(
		refuse(o, fieldResources, adviceResources),
		in(o, "taskRef", reference),
		in(o, "pipelineRef", reference),
		in(o, "taskSpec", taskSpec),
		in(o, "pipelineSpec", pipelineSpec),
	)
}

func reference(o map[string]any) *FieldError { return refuse(o, fieldBundle, adviceBundle) }
