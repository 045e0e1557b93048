package validation

import (
	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

// DefaultTaskSpec fills in what the task leaves out and what follows from the rest of it. It can be called again without
// changing anything. Names of steps stay empty: a step without a name has none, only its container does. A sidecar without
// one is called by its index, unnamed-0 and so on.
func DefaultTaskSpec(s *v1.TaskSpec) {
	defaultParams(s.Params)
	for i := range s.Results {
		defaultTaskResult(&s.Results[i])
	}
	for i := range s.Steps {
		for j := range s.Steps[i].Results {
			defaultStepResult(&s.Steps[i].Results[j])
		}
	}
	for i := range s.Sidecars {
		s.Sidecars[i].Name = suffix(s.Sidecars[i].Name, i)
	}
}

// DefaultPipelineSpec fills in what the pipeline and the tasks written out in it leave out. It can be called again without
// changing anything.
func DefaultPipelineSpec(s *v1.PipelineSpec) {
	defaultParams(s.Params)
	for _, list := range taskLists(s) {
		for i := range list.tasks {
			t := &list.tasks[i]
			if t.TaskRef != nil {
				defaultTaskRef(t.TaskRef)
			}
			if spec := t.Embedded(); spec != nil {
				DefaultTaskSpec(spec)
			}
		}
	}
}

// DefaultTask fills in what the task leaves out.
func DefaultTask(t *v1.Task) { DefaultTaskSpec(&t.Spec) }

// DefaultPipeline fills in what the pipeline leaves out.
func DefaultPipeline(p *v1.Pipeline) { DefaultPipelineSpec(&p.Spec) }

// DefaultTaskRun fills in what the run leaves out. A run that has ended is a record, and stays as it is.
func DefaultTaskRun(r *v1.TaskRun) {
	if !r.Status.Done() {
		DefaultTaskRunSpec(&r.Spec)
	}
}

// DefaultPipelineRun fills in what the run leaves out. A run that has ended is a record, and stays as it is.
func DefaultPipelineRun(r *v1.PipelineRun) {
	if !r.Status.Done() {
		DefaultPipelineRunSpec(&r.Spec)
	}
}

// DefaultTaskRunSpec fills in what the run leaves out. The timeout is not among it: its default is a setting of the
// installation.
func DefaultTaskRunSpec(s *v1.TaskRunSpec) {
	if s.TaskRef != nil {
		defaultTaskRef(s.TaskRef)
	}
	if s.TaskSpec != nil {
		DefaultTaskSpec(s.TaskSpec)
	}
}

// DefaultPipelineRunSpec fills in what the run leaves out. The timeouts are not among it: their defaults are a setting of the
// installation.
func DefaultPipelineRunSpec(s *v1.PipelineRunSpec) {
	if s.PipelineSpec != nil {
		DefaultPipelineSpec(s.PipelineSpec)
	}
}

// defaultTaskRef makes the kind Task where none is given, but for a reference through a resolver, which finds what there
// is.
func defaultTaskRef(t *v1.TaskRef) {
	if t.Kind == "" && t.Resolver == "" {
		t.Kind = v1.KindTask
	}
}

// defaultParam infers the type where none is given: that of the default value, else object when properties are given,
// else string.
func defaultParam(p *v1.ParamSpec) {
	if p.Type == "" {
		p.Type = p.ValueType()
	}
	defaultProperties(p.Properties)
}

// defaultTaskResult infers the type where none is given: object when properties are given, else string.
func defaultTaskResult(r *v1.TaskResult) {
	if r.Type == "" {
		r.Type = r.ValueType()
	}
	defaultProperties(r.Properties)
}

// defaultStepResult infers the type where none is given: object when properties are given, else string.
func defaultStepResult(r *v1.StepResult) {
	r.Type = r.ValueType()
	defaultProperties(r.Properties)
}

func defaultParams(params []v1.ParamSpec) {
	for i := range params {
		defaultParam(&params[i])
	}
}

func defaultProperties(properties map[string]v1.PropertySpec) {
	for key, property := range properties {
		if property.Type == "" {
			properties[key] = v1.PropertySpec{Type: v1.TypeString}
		}
	}
}

// DefaultCustomRun fills in nothing: only the controller of a custom task knows the defaults.
func DefaultCustomRun(*v1beta1.CustomRun) {}

// DefaultStepAction fills in what the StepAction leaves out.
func DefaultStepAction(s *v1beta1.StepAction) { DefaultStepActionSpec(&s.Spec) }

// DefaultStepActionSpec fills in what the StepAction leaves out and what follows from the rest of it. It can be called again
// without changing anything.
func DefaultStepActionSpec(s *v1beta1.StepActionSpec) {
	for i := range s.Params {
		defaultParam(&s.Params[i])
	}
	for i := range s.Results {
		defaultStepResult(&s.Results[i])
	}
}
