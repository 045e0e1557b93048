package variables

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// ValueVisitor receives the places of a pipeline, or of a task's steps, where variables may stand and where values keep
// their types: a whole array stays one. It may change what it is given.
type ValueVisitor interface {
	// VisitText receives a text that stays one.
	VisitText(path *field.Path, text *string)
	// VisitElements receives texts of which one can become several, when it is nothing but a whole array.
	VisitElements(path *field.Path, list *[]string)
	// VisitValue receives a value. A string that is nothing but a reference to a whole array or object becomes that.
	VisitValue(path *field.Path, value *v1.Value)
}

// VisitTaskValues shows to v the params of the steps, those of their references, and their when expressions. Results of
// earlier steps may stand in params and when expressions, which are known only when the step starts.
func VisitTaskValues(s *v1.TaskSpec, path *field.Path, v ValueVisitor) {
	for i := range s.Steps {
		VisitStepValues(&s.Steps[i], path.Child("steps").Index(i), v)
	}
}

// VisitStepValues shows to v the params of the step, those of its reference, and its when expressions; see
// VisitTaskValues.
func VisitStepValues(s *v1.Step, path *field.Path, v ValueVisitor) {
	visitRefParams(s, path, v)
	VisitRuntimeStepValues(s, path, v)
}

// visitRefParams shows the values that must be known before the StepAction can be fetched.
func visitRefParams(s *v1.Step, path *field.Path, v ValueVisitor) {
	if s.Ref != nil {
		visitParams(path.Child("ref", "params"), v, s.Ref.Params)
	}
}

// VisitRuntimeStepValues shows the values that are needed only when the step starts.
func VisitRuntimeStepValues(s *v1.Step, path *field.Path, v ValueVisitor) {
	if len(s.Params) > 0 {
		visitParams(path.Child("params"), v, s.Params)
	}
	if len(s.When) > 0 {
		visitWhen(path.Child("when"), v, s.When)
	}
}

// VisitPipelineValues shows to v every place of the pipeline's tasks and results where variables may stand. Tasks that are
// written out in the pipeline are not entered: their texts see what a TaskRun sees.
func VisitPipelineValues(s *v1.PipelineSpec, path *field.Path, v ValueVisitor) {
	for i := range s.Tasks {
		VisitPipelineTaskValues(&s.Tasks[i], path.Child("tasks").Index(i), v)
	}
	for i := range s.Finally {
		VisitPipelineTaskValues(&s.Finally[i], path.Child("finally").Index(i), v)
	}
	for i := range s.Results {
		v.VisitValue(path.Child("results").Index(i).Child("value"), &s.Results[i].Value)
	}
}

// VisitDisplayNames shows to v the names for people of the pipeline's task and of the combinations of its matrix. They see
// the params of the combination, too.
func VisitDisplayNames(t *v1.PipelineTask, path *field.Path, v ValueVisitor) {
	visitString(path.Child("displayName"), v, &t.DisplayName)
	if t.Matrix == nil {
		return
	}
	for i := range t.Matrix.Include {
		visitString(path.Child("matrix", "include").Index(i).Child("name"), v, &t.Matrix.Include[i].Name)
	}
}

// VisitPipelineTaskValues shows to v every place of the pipeline's task where variables may stand; see VisitPipelineValues.
func VisitPipelineTaskValues(t *v1.PipelineTask, path *field.Path, v ValueVisitor) {
	VisitDisplayNames(t, path, v)
	VisitPipelineTaskInputs(t, path, v)
}

// VisitPipelineTaskInputs shows to v what VisitPipelineTaskValues shows, but for the display names.
func VisitPipelineTaskInputs(t *v1.PipelineTask, path *field.Path, v ValueVisitor) {
	if t.TaskRef != nil {
		visitString(path.Child("taskRef", "name"), v, &t.TaskRef.Name)
		visitParams(path.Child("taskRef", "params"), v, t.TaskRef.Params)
	}
	if t.PipelineRef != nil {
		visitString(path.Child("pipelineRef", "name"), v, &t.PipelineRef.Name)
		visitParams(path.Child("pipelineRef", "params"), v, t.PipelineRef.Params)
	}
	onError := string(t.OnError)
	visitString(path.Child("onError"), v, &onError)
	if onError != string(t.OnError) {
		t.OnError = v1.OnError(onError)
	}
	visitParams(path.Child("params"), v, t.Params)
	if t.Matrix != nil {
		visitParams(path.Child("matrix", "params"), v, t.Matrix.Params)
		for i := range t.Matrix.Include {
			visitParams(path.Child("matrix", "include").Index(i).Child("params"), v, t.Matrix.Include[i].Params)
		}
	}
	for i := range t.Workspaces {
		visitString(path.Child("workspaces").Index(i).Child("subPath"), v, &t.Workspaces[i].SubPath)
	}
	visitWhen(path.Child("when"), v, t.When)
}

func visitParams(path *field.Path, v ValueVisitor, params []v1.Param) {
	for i := range params {
		v.VisitValue(path.Index(i).Child("value"), &params[i].Value)
	}
}

func visitWhen(path *field.Path, v ValueVisitor, when []v1.WhenExpression) {
	for i := range when {
		visitString(path.Index(i).Child("input"), v, &when[i].Input)
		if len(when[i].Values) > 0 {
			v.VisitElements(path.Index(i).Child("values"), &when[i].Values)
		}
		visitString(path.Index(i).Child("cel"), v, &when[i].CEL)
	}
}

func visitString(path *field.Path, v ValueVisitor, text *string) {
	if *text != "" {
		v.VisitText(path, text)
	}
}

// TaskResultRefs returns the references to results of other tasks that the pipeline's task makes, in the order of its
// fields.
func TaskResultRefs(t *v1.PipelineTask) []ResultRef {
	c := collectFrom(t)
	return c.results
}

// Dependencies returns the names of the tasks that must have ended before this one can start, each once: those of
// runAfter, and those whose results, or whose count of them, it refers to.
func Dependencies(t *v1.PipelineTask) []string {
	c := collectFrom(t)
	var names []string
	seen := map[string]bool{}
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	for _, name := range t.RunAfter {
		add(name)
	}
	for _, ref := range c.results {
		add(ref.Task)
	}
	for _, name := range c.counted {
		add(name)
	}
	return names
}

func collectFrom(t *v1.PipelineTask) *collection {
	c := &collection{}
	VisitPipelineTaskValues(t, nil, c)
	for _, r := range EmbeddedReferences(t) {
		if ref, ok := r.ResultRef(); ok {
			c.results = append(c.results, ref)
		}
	}
	return c
}

// collection is a ValueVisitor that notes what is referred to.
type collection struct {
	results []ResultRef
	// counted are the tasks of which $(tasks.<task>.matrix.<result>.length) counts results.
	counted []string
}

func (c *collection) VisitText(_ *field.Path, text *string) { c.note(*text) }

func (c *collection) VisitElements(_ *field.Path, list *[]string) {
	for _, text := range *list {
		c.note(text)
	}
}

func (c *collection) VisitValue(_ *field.Path, value *v1.Value) {
	for _, text := range value.Texts() {
		c.note(text)
	}
}

func (c *collection) note(text string) {
	for r := range References(text) {
		if ref, ok := r.ResultRef(); ok {
			c.results = append(c.results, ref)
		}
		if task, result, ok := r.MatrixLength(); ok && result != "" {
			c.counted = append(c.counted, task)
		}
	}
}
