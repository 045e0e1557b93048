package transport

import (
	"encoding/json"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/results/artifacts"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/validation"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
)

// Values are the results of a run, as the task and its steps declare them.
type Values struct {
	// Task has the results of the task in the order of their declarations. A result that was not written is absent, and so is
	// one whose value is that of a step's result which was not written.
	Task []v1.TaskRunResult
	// Steps has the results of each step, by its index.
	Steps [][]v1.TaskRunResult
	// Artifacts has those that the steps read and made, of the task's document and of all steps together; nil if there are none.
	Artifacts *v1.Artifacts
	// StepArtifacts has those of each step, by its index.
	StepArtifacts []v1.Artifacts
	// Wrong describes each result that does not match its declaration. With any of them the run fails.
	Wrong []string
	// TooLarge says that a result which takes its value from steps is in Wrong because it is too large to be made.
	TooLarge bool
}

// Decode decodes the results of a pod into values of their declared types, and computes the results of the task whose
// values come from steps. The spec has its defaults and its resolved StepActions, as for pod.ResultsOf.
func Decode(spec *v1.TaskSpec, whole []frame.Result) Values {
	raw := make(map[string][]byte, len(whole))
	for _, r := range whole {
		raw[r.Name] = r.Value
	}
	d := decoding{values: Values{
		Steps: make([][]v1.TaskRunResult, len(spec.Steps)), StepArtifacts: make([]v1.Artifacts, len(spec.Steps)),
	}}
	written := map[stepResult]v1.Value{}
	d.made = substitute.NewTaskResults(func(step, result string) (v1.Value, bool) {
		value, ok := written[stepResult{step, result}]
		return value, ok
	})
	own := map[string]v1.TaskRunResult{}
	var documents []artifacts.Document
	for _, c := range pod.ResultsOf(spec) {
		value, ok := raw[c.Name]
		if !ok {
			continue // a declared result may be missing
		}
		if c.IsDocument() {
			documents = append(documents, d.document(spec, c, value))
			continue
		}
		if c.Step == pod.OfTask {
			if r, ok := d.decoded(taskResult(spec, c.Result), value, ""); ok {
				own[c.Result] = r
			}
			continue
		}
		step := podpaths.StepName(spec.Steps[c.Step], c.Step)
		if r, ok := d.decoded(declaredBy(spec.Steps[c.Step], c.Result), value, fmt.Sprintf("step %q: ", step)); ok {
			d.values.Steps[c.Step] = append(d.values.Steps[c.Step], r)
			written[stepResult{step, c.Result}] = r.Value
		}
	}
	d.values.Artifacts = artifactsOf(artifacts.Merge(documents...))
	for i, declared := range spec.Results {
		if r, ok := own[declared.Name]; ok {
			d.values.Task = append(d.values.Task, r)
		} else if declared.Value != nil {
			d.derive(i, declared)
		}
	}
	return d.values
}

func taskResult(spec *v1.TaskSpec, name string) v1.TaskResult {
	for _, r := range spec.Results {
		if r.Name == name {
			return r
		}
	}
	return v1.TaskResult{Name: name}
}

func declaredBy(step v1.Step, name string) v1.TaskResult {
	for _, r := range step.Results {
		if r.Name == name {
			return v1.TaskResult{Name: r.Name, Type: r.Type, Properties: r.Properties}
		}
	}
	return v1.TaskResult{Name: name}
}

// stepResult names a result of a step.
type stepResult struct{ step, result string }

// decoding is the state of Decode.
type decoding struct {
	values Values
	// made makes the results of the task that take their values from steps.
	made *substitute.TaskResults
}

// decoded returns the value of a result, and records what is wrong with it.
func (d *decoding) decoded(declared v1.TaskResult, raw []byte, whose string) (v1.TaskRunResult, bool) {
	value, err := validation.ResultFromBytes(declared, raw)
	if err != nil {
		d.values.Wrong = append(d.values.Wrong, whose+err.Error())
		return v1.TaskRunResult{}, false
	}
	return v1.TaskRunResult{Name: declared.Name, Type: value.Type, Value: value}, true
}

// derive adds a result of the task whose value comes from steps, if the steps have all parts of it.
func (d *decoding) derive(i int, declared v1.TaskResult) {
	wrong := func(format string, args ...any) {
		d.values.Wrong = append(d.values.Wrong, fmt.Sprintf("result %q: ", declared.Name)+fmt.Sprintf(format, args...))
	}
	value, ok, err := d.made.Value(field.NewPath("results").Index(i).Child("value"), *declared.Value)
	if unresolved, is := errors.AsType[*substitute.UnresolvedError](err); is {
		wrong("%s: %s", unresolved.Variable, unresolved.Problem)
		return
	}
	if err != nil {
		wrong("%v", err)
		d.values.TooLarge = true
		return
	}
	if !ok {
		return
	}
	raw := []byte(value.String)
	if value.Type != v1.TypeString {
		if raw, err = json.Marshal(value); err != nil {
			wrong("%v", err)
			return
		}
		if value.Type != declared.Type {
			wrong("is declared as %s, but its value is an %s", declared.Type, value.Type)
			return
		}
	}
	if r, ok := d.decoded(declared, raw, ""); ok {
		d.values.Task = append(d.values.Task, r)
	}
}
