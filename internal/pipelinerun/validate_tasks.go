package pipelinerun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/resolve"
	"github.com/sluice-ci/sluice/internal/validation"
	"github.com/sluice-ci/sluice/internal/variables"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
)

// checkTasks resolves the Tasks that the pipeline refers to and checks what the pipeline gives them and wants from them,
// so that a mistake in the last task does not cost the time of all others.
func (r *Reconciler) checkTasks(ctx context.Context, pr *v1.PipelineRun, obs *Observation) (*Problem, error) {
	c := &checker{spec: obs.Spec, tasks: map[string]*v1.TaskSpec{}, matrix: map[string]bool{}, known: map[*v1.TaskSpec]*declarations{}}
	c.params = paramsByName(obs.Spec.Params)
	byRef := map[string]*v1.TaskSpec{}
	for _, list := range c.lists() {
		for i := range list.tasks {
			task := &list.tasks[i]
			c.matrix[task.Name] = task.Matrix != nil
			if task.TaskSpec != nil {
				c.tasks[task.Name] = &task.TaskSpec.TaskSpec
				continue
			}
			resolved, problem, err := r.resolveTask(ctx, pr, task, obs.Vars, byRef)
			if err != nil {
				return nil, err
			}
			if problem != "" {
				return &Problem{
					Reason:  v1.PipelineRunReasonCouldntGetTask,
					Message: fmt.Sprintf("task %q (%s[%d].taskRef): %s", task.Name, list.field, i, problem),
				}, nil
			}
			c.tasks[task.Name] = resolved
		}
	}
	return c.problem(), nil
}

// resolveTask finds the Task that a pipeline's task refers to. It returns nothing when that depends on a result.
func (r *Reconciler) resolveTask(ctx context.Context, pr *v1.PipelineRun, task *v1.PipelineTask,
	vars substitute.Variables, byRef map[string]*v1.TaskSpec) (spec *v1.TaskSpec, problem string, err error) {
	only := &v1.PipelineTask{TaskRef: task.TaskRef}
	if len(neededBy(only)) > 0 {
		return nil, "", nil
	}
	substituted, err := substitute.PipelineTask(only, vars, view{})
	if err != nil {
		return nil, err.Error(), nil
	}
	key, err := json.Marshal(substituted.TaskRef)
	if err != nil {
		return nil, "", err
	}
	if known := byRef[string(key)]; known != nil {
		return known, "", nil
	}
	found, err := r.resolver.Task(ctx, pr.Namespace, substituted.TaskRef)
	if errors.Is(err, resolve.ErrUnresolvable) {
		return nil, err.Error(), nil
	}
	if err != nil {
		return nil, "", err
	}
	spec = found.Spec.DeepCopy()
	validation.DefaultTaskSpec(spec)
	byRef[string(key)] = spec
	return spec, "", nil
}

// checker checks a pipeline against the Tasks that it refers to. What the pipeline shows by itself has been checked
// before.
type checker struct {
	spec *v1.PipelineSpec
	// tasks by the names of the pipeline's tasks; nil for one that is not known before it runs.
	tasks  map[string]*v1.TaskSpec
	matrix map[string]bool
	// params of the pipeline by name, and what the tasks declare by name: made once for each.
	params map[string]*v1.ParamSpec
	known  map[*v1.TaskSpec]*declarations
	found  *Problem
}

// declarations are what a task declares, by name.
type declarations struct {
	params  map[string]*v1.ParamSpec
	results map[string]*v1.TaskResult
	// required are the params and workspaces that whoever runs the task must give. There are no more of them than a valid
	// task of the pipeline gives, so that thousands of tasks can refer to one that declares thousands.
	required   []*v1.ParamSpec
	workspaces []string
}

func (c *checker) declarations(spec *v1.TaskSpec) *declarations {
	d := c.known[spec]
	if d == nil {
		d = &declarations{params: paramsByName(spec.Params), results: make(map[string]*v1.TaskResult, len(spec.Results))}
		for i := range spec.Results {
			if _, twice := d.results[spec.Results[i].Name]; !twice {
				d.results[spec.Results[i].Name] = &spec.Results[i]
			}
		}
		for i := range spec.Params {
			if spec.Params[i].Default == nil || spec.Params[i].Type == v1.TypeObject {
				d.required = append(d.required, &spec.Params[i])
			}
		}
		for i := range spec.Workspaces {
			if !spec.Workspaces[i].Optional {
				d.workspaces = append(d.workspaces, spec.Workspaces[i].Name)
			}
		}
		c.known[spec] = d
	}
	return d
}

// concerned are the declared params that given ones, or their absence, can be wrong for.
func (d *declarations) concerned(given []v1.Param) []v1.ParamSpec {
	var specs []v1.ParamSpec
	seen := make(map[string]bool, len(given))
	for i := range given {
		if declared := d.params[given[i].Name]; declared != nil && !seen[given[i].Name] {
			specs = append(specs, *declared)
		}
		seen[given[i].Name] = true
	}
	missing := 0
	for _, declared := range d.required {
		if !seen[declared.Name] && missing <= validation.MaxErrors {
			specs = append(specs, *declared)
			if declared.Default == nil {
				missing++
			}
		}
	}
	return specs
}

// paramsByName returns the first param of each name.
func paramsByName(specs []v1.ParamSpec) map[string]*v1.ParamSpec {
	named := make(map[string]*v1.ParamSpec, len(specs))
	for i := range specs {
		if _, twice := named[specs[i].Name]; !twice {
			named[specs[i].Name] = &specs[i]
		}
	}
	return named
}

// taskList is one of the two lists of tasks.
type taskList struct {
	field string
	tasks []v1.PipelineTask
}

func (c *checker) lists() []taskList {
	return []taskList{{"tasks", c.spec.Tasks}, {"finally", c.spec.Finally}}
}

// problem returns the first problem.
func (c *checker) problem() *Problem {
	for _, list := range c.lists() {
		for i := range list.tasks {
			if c.found != nil {
				return c.found
			}
			path := field.NewPath(list.field).Index(i)
			c.checkGiven(path, &list.tasks[i])
			variables.VisitPipelineTaskValues(&list.tasks[i], path, c)
		}
	}
	for i := range c.spec.Results {
		result, path := &c.spec.Results[i], field.NewPath("results").Index(i).Child("value")
		c.VisitValue(path, &result.Value)
		if found := c.typeOf(result.Value); result.Type != "" && found != "" && found != result.Type {
			c.notef(v1.PipelineRunReasonInvalidTaskResultReference, "%s is of type %s, and result %q is declared as %s",
				path, found, result.Name, result.Type)
		}
	}
	return c.found
}

func (c *checker) notef(reason, format string, a ...any) {
	if c.found == nil {
		c.found = &Problem{Reason: reason, Message: fmt.Sprintf(format, a...)}
	}
}

// checkGiven checks the params and workspaces that a task hands to the Task it refers to.
func (c *checker) checkGiven(path *field.Path, task *v1.PipelineTask) {
	spec := c.tasks[task.Name]
	if spec == nil || task.TaskSpec != nil || c.found != nil {
		return
	}
	given := slices.Clone(task.Params)
	for i := range given {
		given[i].Value = c.stand(spec, given[i])
	}
	if task.Matrix != nil {
		given = append(given, c.fromMatrix(spec, task.Matrix)...)
	}
	if c.found = paramProblem(validation.Params(c.declarations(spec).concerned(given), given, path.Child("params"))); c.found != nil {
		return
	}
	bound := make(map[string]bool, len(task.Workspaces))
	for i := range task.Workspaces {
		bound[task.Workspaces[i].Name] = true
	}
	var faults field.ErrorList
	for _, name := range c.declarations(spec).workspaces {
		if !bound[name] && len(faults) < validation.MaxErrors {
			faults = append(faults, field.Required(path.Child("workspaces"),
				fmt.Sprintf("missing workspace %q: declared by the task and not optional", name)))
		}
	}
	c.found = invalid(faults)
}

// stand returns what stands for a value before it is known: something of its type, and of the type that the task
// declares where that cannot be told.
func (c *checker) stand(spec *v1.TaskSpec, given v1.Param) v1.Value {
	known := true
	for _, text := range given.Value.Texts() {
		known = known && !variables.HasReference(text)
	}
	found := c.typeOf(given.Value)
	fitting := c.placeholder(spec, given.Name)
	switch {
	case known:
		return given.Value
	case found == "" || found == fitting.Type:
		return fitting
	}
	return v1.Value{Type: found}
}

// fromMatrix returns the params that a task gets from its matrix: strings, whose values are known when it runs.
func (c *checker) fromMatrix(spec *v1.TaskSpec, m *v1.Matrix) []v1.Param {
	all := slices.Clone(m.Params)
	for i := range m.Include {
		all = append(all, m.Include[i].Params...)
	}
	for i := range all {
		all[i].Value = c.placeholder(spec, all[i].Name)
		if all[i].Value.Type != v1.TypeString {
			all[i].Value = v1.StringValue("")
		}
	}
	return all
}

// placeholder is a value that fits what a task declares under a name.
func (c *checker) placeholder(spec *v1.TaskSpec, name string) v1.Value {
	declared := c.declarations(spec).params[name]
	if declared == nil {
		return v1.StringValue("")
	}
	value := v1.Value{Type: declared.Type}
	if len(declared.Enum) > 0 {
		value.String = declared.Enum[0]
	}
	if value.Type == v1.TypeObject {
		value.Object = make(map[string]string, len(declared.Properties))
		for key := range declared.Properties {
			value.Object[key] = ""
		}
	}
	return value
}

// typeOf is the type that a value will have, and empty where it cannot be told before the run.
func (c *checker) typeOf(value v1.Value) v1.ValueType {
	r, alone := soleReference(value)
	if !alone {
		return value.Type
	}
	if r.Root == variables.RootParams {
		return c.typeOfParam(r)
	}
	ref, ok := r.ResultRef()
	switch {
	case !ok, ref.Key != "", ref.Index >= 0:
		return v1.TypeString
	case c.matrix[ref.Task]:
		return v1.TypeArray
	}
	if declared := c.declared(ref); declared != nil {
		return declared.Type
	}
	return ""
}

func (c *checker) typeOfParam(r variables.Reference) v1.ValueType {
	declared := c.params[r.Names[0]]
	switch {
	case declared == nil:
		return ""
	case len(r.Names) > 1 || r.Index >= 0:
		return v1.TypeString
	}
	return declared.Type
}

// soleReference returns the reference that a value is nothing but.
func soleReference(value v1.Value) (variables.Reference, bool) {
	if value.Type == v1.TypeString {
		for r := range variables.References(value.String) {
			return r, r.IsAll(value.String)
		}
	}
	return variables.Reference{}, false
}

// declared returns the declaration of the result that a reference is to, and nil where that is not known.
func (c *checker) declared(ref variables.ResultRef) *v1.TaskResult {
	spec := c.tasks[ref.Task]
	if spec == nil {
		return nil
	}
	return c.declarations(spec).results[ref.Result]
}

// VisitText checks the references to results in one text.
func (c *checker) VisitText(path *field.Path, text *string) { c.check(path, "", *text) }

// VisitElements checks the references to results in each text of a list.
func (c *checker) VisitElements(path *field.Path, list *[]string) {
	for i, text := range *list {
		c.check(path.Index(i), "", text)
	}
}

// VisitValue checks the references to results in a value.
func (c *checker) VisitValue(path *field.Path, value *v1.Value) {
	for where, text := range value.Texts() {
		c.check(path, where, text)
	}
}

// check refuses a reference to a result that its task does not declare, or declares with another type.
func (c *checker) check(path *field.Path, where, text string) {
	for r := range variables.References(text) {
		ref, ok := r.ResultRef()
		if !ok || c.tasks[ref.Task] == nil {
			continue
		}
		if problem := c.resultProblem(ref); problem != "" {
			c.notef(v1.PipelineRunReasonInvalidTaskResultReference, "%s%s refers to result %q of task %q, %s",
				path, where, ref.Result, ref.Task, problem)
		}
	}
}

func (c *checker) resultProblem(ref variables.ResultRef) string {
	declared := c.declared(ref)
	if declared == nil {
		return "which declares no such result"
	}
	part := ref.Whole || ref.Index >= 0 || ref.Key != ""
	_, hasKey := declared.Properties[ref.Key]
	switch {
	case c.matrix[ref.Task] && declared.Type != v1.TypeString:
		return fmt.Sprintf("which is of type %s; of a task with a matrix only strings can be used", declared.Type)
	case c.matrix[ref.Task]:
		if !ref.Whole {
			return "which has a matrix; use the results of all its runs together, with [*] behind the name"
		}
	case declared.Type == v1.TypeString && part:
		return "which is a string, and has no parts"
	case declared.Type == v1.TypeArray && (ref.Key != "" || !part):
		return "which is an array; write [*] behind its name for all of it, or [0] for one element"
	case declared.Type == v1.TypeObject && (ref.Index >= 0 || !part):
		return "which is an object; write [*] behind its name for all of it, or .<key> for one of its values"
	case declared.Type == v1.TypeObject && ref.Key != "" && !hasKey && len(declared.Properties) > 0:
		return fmt.Sprintf("which has no key %q", ref.Key)
	}
	return ""
}
