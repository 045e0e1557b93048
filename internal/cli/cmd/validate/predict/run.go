package predict

import (
	"fmt"
	"slices"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cmd/validate/check"
	"github.com/sluice-ci/sluice/internal/objectsize"
)

// taskRun checks a TaskRun together with its task.
func (p *predictor) taskRun(o *check.Object, run *v1.TaskRun) {
	t := task{object: o, scales: p.scales(run.Annotations), from: p.from(run.Annotations), place: placeIn(run.Spec.Params, "spec.params")}
	encoded := objectsize.Encoded(run)
	switch {
	case run.Spec.TaskSpec != nil:
		t.spec, t.path = run.Spec.TaskSpec, "spec.taskSpec"
	case run.Spec.TaskRef != nil && run.Spec.TaskRef.Resolver == "":
		found := p.set.Task(o, run.Spec.TaskRef.Name)
		if found == nil {
			break
		}
		t.spec = &found.Spec
		encoded += objectsize.Encoded(found.Spec)
		if _, own := run.Annotations[v1.AnnotationResultsFrom]; !own {
			t.scales, t.from = p.scales(found.Annotations), p.from(found.Annotations)
		}
	}
	p.object(o, "spec", encoded, "the TaskRun with its task")
	if t.spec != nil {
		t.in = t.scales.with(t.spec.Params, run.Spec.Params, nil)
		p.task(t)
	}
}

// object reports an object that is too large for etcd.
func (p *predictor) object(o *check.Object, path string, encoded int, noun string) {
	if encoded > objectsize.Limit {
		p.addf(o, check.Error, path, "use shorter params; "+workspaceHint,
			"%s has %d bytes as JSON, and one object can hold %d", noun, encoded, objectsize.Limit)
	}
}

// pipelineRun checks a PipelineRun together with its pipeline.
func (p *predictor) pipelineRun(o *check.Object, run *v1.PipelineRun) {
	s := p.scales(nil)
	spec, path := run.Spec.PipelineSpec, "spec.pipelineSpec"
	if spec == nil && run.Spec.PipelineRef != nil && run.Spec.PipelineRef.Resolver == "" {
		if found := p.set.Pipeline(o, run.Spec.PipelineRef.Name); found != nil {
			spec, path = &found.Spec, ""
		}
	}
	encoded := objectsize.Encoded(run)
	if spec != nil {
		encoded += objectsize.Encoded(spec)
	}
	p.object(o, "spec", encoded, "the PipelineRun with its pipeline")
	if spec != nil {
		p.pipeline(o, spec, path, s.with(spec.Params, run.Spec.Params, nil))
	}
}

// pipeline checks the tasks of a pipeline. The path is empty if the pipeline is in another object.
func (p *predictor) pipeline(o *check.Object, spec *v1.PipelineSpec, path string, in sizes) {
	for _, list := range []struct {
		field string
		tasks []v1.PipelineTask
	}{{"tasks", spec.Tasks}, {"finally", spec.Finally}} {
		for i := range list.tasks {
			at := ""
			if path != "" {
				at = fmt.Sprintf("%s.%s[%d]", path, list.field, i)
			}
			p.pipelineTask(o, &list.tasks[i], at, in)
		}
	}
}

func (p *predictor) pipelineTask(o *check.Object, of *v1.PipelineTask, at string, in sizes) {
	t := task{object: o, scales: p.scales(nil), from: p.limits.ResultsFrom}
	if at != "" {
		t.place = placeIn(of.Params, at+".params")
	}
	encoded := exactly(reserve)
	switch {
	case of.Embedded() != nil:
		t.spec = of.Embedded()
		encoded = encoded.plus(exactly(2 * objectsize.Encoded(t.spec)))
		t.in = t.scales.with(t.spec.Params, of.Params, in)
		if at != "" {
			t.path = at + ".taskSpec"
		}
	case of.TaskRef != nil && of.TaskRef.Resolver == "" && !of.Custom():
		if found := p.set.Task(o, of.TaskRef.Name); found != nil {
			t.spec = &found.Spec
			t.scales, t.from = p.scales(found.Annotations), p.from(found.Annotations)
			own := t.scales.with(nil, of.Params, in)
			t.in = t.scales.with(t.spec.Params, nil, nil)
			for i := range of.Params {
				t.in[of.Params[i].Name] = own[of.Params[i].Name]
			}
			encoded = encoded.plus(exactly(objectsize.Encoded(t.spec)))
		}
	}
	for i := range of.Params {
		encoded = encoded.plus(t.scales.value(of.Params[i].Value, in).whole)
	}
	p.child(o, of, at, encoded)
	if t.spec != nil {
		p.task(t)
	}
}

// child checks the TaskRun of a pipeline task.
func (p *predictor) child(o *check.Object, of *v1.PipelineTask, at string, encoded length) {
	if at == "" {
		at = "spec"
	}
	switch {
	case encoded.least > objectsize.Limit:
		p.addf(o, check.Error, at, workspaceHint, "the TaskRun of task %q has at least %d bytes, and one object can hold %d",
			of.Name, encoded.least, objectsize.Limit)
	case encoded.most > objectsize.Limit && encoded.from != "":
		p.addf(o, check.Warning, at, workspaceHint,
			"the TaskRun of task %q has up to %d bytes, if %s has the maximum size, and one object can hold %d",
			of.Name, encoded.most, encoded.from, objectsize.Limit)
	}
}

// placeIn returns a function with the place of each param's value.
func placeIn(params []v1.Param, path string) func(string) string {
	return func(name string) string {
		i := slices.IndexFunc(params, func(p v1.Param) bool { return p.Name == name })
		if i < 0 {
			return ""
		}
		return fmt.Sprintf("%s[%d].value", path, i)
	}
}
