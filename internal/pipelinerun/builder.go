package pipelinerun

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/annotations"
	"github.com/sluice-ci/sluice/internal/creation"
	"github.com/sluice-ci/sluice/internal/matrix"
	"github.com/sluice-ci/sluice/internal/name"
	"github.com/sluice-ci/sluice/internal/objectsize"
	"github.com/sluice-ci/sluice/internal/tracecontext"
	"github.com/sluice-ci/sluice/internal/variables"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
)

// childBuilder builds the children of one run. It computes what all of them share only once.
type childBuilder struct {
	pr       *v1.PipelineRun
	spec     *v1.PipelineSpec
	timeouts Timeouts
	vars     substitute.Variables
	// bindings are the workspaces for the tasks, by name.
	bindings map[string]*v1.WorkspaceBinding
	// withResults are the positions of the run's workspaces that contain results of tasks.
	withResults map[string]int
	// overrides are those of the run, by the names of the tasks.
	overrides map[string]*v1.PipelineTaskRunSpec
	groups    *groups
	// spanContext is what a child gets as its place in the trace; empty for a run without a trace.
	spanContext string
	// room returns how many bytes the PipelineRun can grow by references to the children of matrices.
	room func() int
}

func newChildBuilder(pr *v1.PipelineRun, obs Observation) *childBuilder {
	b := &childBuilder{
		pr: pr, spec: obs.Spec, timeouts: obs.Timeouts, vars: obs.Vars,
		spanContext: tracecontext.ForChild(obs.SpanContext, pr.UID), bindings: visible(pr, obs.Spec, obs.Bindings), withResults: withResults(pr),
		overrides: make(map[string]*v1.PipelineTaskRunSpec, len(pr.Spec.TaskRunSpecs)),
	}
	for i := range pr.Spec.TaskRunSpecs {
		b.overrides[pr.Spec.TaskRunSpecs[i].PipelineTaskName] = &pr.Spec.TaskRunSpecs[i]
	}
	b.room = sync.OnceValue(func() int {
		return max(0, objectsize.Limit-statusReserve-objectsize.Stored(pr)-objectsize.Encoded(obs.Spec))
	})
	b.groups = &groups{childBuilder: b, mode: obs.Config.Flags.Coschedule}
	return b
}

// childName returns the name of a task's child. Index counts the combinations of its matrix, and is negative for a task
// without one. The name never changes: a reconcile finds a child that was created but not recorded by its name.
func childName(pr *v1.PipelineRun, task string, index int) string {
	suffix := "-" + task
	if index >= 0 {
		suffix += "-" + strconv.Itoa(index)
	}
	return name.Child(pr.Name, suffix, name.MaxLabel)
}

// child returns the child of a task, whose values have been substituted, for one combination of its matrix. An error is about
// a variable of the run.
func (b *childBuilder) child(s *TaskState, st taskStart, combination matrix.Combination, at place, vars substitute.Variables) (Run, error) {
	p := part{
		state: s, start: st, task: st.task, combination: combination, vars: vars, override: b.overrides[st.task.Name],
		name: childName(b.pr, st.task.Name, at.index), place: at,
	}
	if p.override == nil {
		p.override = &v1.PipelineTaskRunSpec{}
	}
	return kindOf(st.task).Build(b, p)
}

// part is what one child is built from.
type part struct {
	state *TaskState
	start taskStart
	// task has its values substituted.
	task        *v1.PipelineTask
	combination matrix.Combination
	vars        substitute.Variables
	// override is what the run says about the task; it is never nil.
	override *v1.PipelineTaskRunSpec
	// name is the name of the child.
	name  string
	place place
}

// serviceAccount returns the service account for the child of a task.
func (b *childBuilder) serviceAccount(p part) string {
	return cmp.Or(p.override.ServiceAccountName, b.pr.Spec.TaskRunTemplate.ServiceAccountName)
}

// owners returns the owner references of each child.
func (b *childBuilder) owners() []metav1.OwnerReference {
	return []metav1.OwnerReference{*metav1.NewControllerRef(b.pr, v1.GroupVersion.WithKind(v1.KindPipelineRun))}
}

// timeout returns the timeout that the run or the pipeline sets for the task, or else that of the task's part of the run. The
// TaskRun cannot reach the latter before the run does, because the run starts earlier.
func (b *childBuilder) timeout(s *TaskState, override *v1.PipelineTaskRunSpec) *metav1.Duration {
	switch {
	case override.Timeout != nil:
		return override.Timeout
	case s.Task.Timeout != nil:
		return s.Task.Timeout
	}
	part := b.timeouts.Tasks
	if s.Final {
		part = b.timeouts.Finally
	}
	if part == 0 {
		part = b.timeouts.Pipeline
	}
	return &metav1.Duration{Duration: part}
}

// labels returns the labels that the pipeline sets for the task, those of the run, those that the run sets for the task, and
// those of the system. Later ones take precedence.
func (b *childBuilder) labels(s *TaskState, task *v1.PipelineTask, override *v1.PipelineTaskRunSpec) map[string]string {
	out := map[string]string{}
	if task.Embedded() != nil { // a custom task has its own in customSpec
		maps.Copy(out, task.TaskSpec.Metadata.Labels)
	}
	maps.Copy(out, b.pr.Labels)
	if override.Metadata != nil {
		maps.Copy(out, override.Metadata.Labels)
	}
	if task.TaskRef != nil && task.TaskRef.Name != "" && !task.Custom() {
		out[v1.LabelTask] = name.Label(task.TaskRef.Name)
	}
	maps.Copy(out, map[string]string{
		v1.LabelPipeline:       b.pipelineLabel(),
		v1.LabelPipelineRun:    name.Label(b.pr.Name),
		v1.LabelPipelineRunUID: string(b.pr.UID),
		v1.LabelPipelineTask:   task.Name,
		v1.LabelMemberOf:       v1.MemberOfTasks,
		v1.LabelManagedBy:      v1.ManagedBy,
	})
	if s.Final {
		out[v1.LabelMemberOf] = v1.MemberOfFinally
	}
	delete(out, v1.LabelCoschedule) // that of the run, if it is a task of another run
	if group := b.groups.of(s.Task); group != "" {
		out[v1.LabelCoschedule] = group
	}
	return out
}

// pipelineLabel returns the label with the name of the run's Pipeline. The run lacks it if the API server refused it.
func (b *childBuilder) pipelineLabel() string {
	if label, ok := b.pr.Labels[v1.LabelPipeline]; ok {
		return label
	}
	return creation.PipelineRunMetadata(b.pr, nil, creation.Settings{}).Labels[v1.LabelPipeline]
}

// annotations come from the same sources as labels, except those that an object does not pass on.
func (b *childBuilder) annotations(p part) map[string]string {
	out := map[string]string{}
	if p.task.Embedded() != nil {
		maps.Copy(out, p.task.TaskSpec.Metadata.Annotations)
	}
	maps.Copy(out, b.pr.Annotations)
	if p.override.Metadata != nil {
		maps.Copy(out, p.override.Metadata.Annotations)
	}
	out = annotations.Inherited(out)
	b.traced(out, p.task)
	if p.state.ContinuesOnError {
		out[v1.AnnotationOnError] = string(v1.OnErrorContinue)
	}
	if text := p.place.String(); text != "" {
		out[v1.AnnotationCombination] = text
	}
	return out
}

// markFinal adds the annotations of a TaskRun about the text in its spec, whatever the sources of the others have.
func markFinal(annotations map[string]string, unread substitute.Unread) map[string]string {
	annotations[v1.AnnotationFinal] = strings.Join(v1.FinalParts(), ",")
	if text := unread.String(); text != "" {
		annotations[v1.AnnotationUnread] = text
	}
	return annotations
}

// params returns the params that the pipeline sets for the task, those of the combination, those of the pipeline that an
// embedded task uses by name, and the values of its references to the pipeline. It adds to unread what the pipeline's own have.
func (b *childBuilder) params(
	task *v1.PipelineTask, combination matrix.Combination, handed []v1.Param, unread *substitute.Unread,
) []v1.Param {
	params := slices.Concat(task.Params, combination.Params)
	spec := task.Embedded()
	if spec == nil {
		return params
	}
	given := make(map[string]bool, len(params))
	for i := range params {
		given[params[i].Name] = true
		params[i].Value = b.completed(params[i], unread)
	}
	for _, used := range usedParams(spec, &b.vars) {
		if value, ok := b.vars.Param(used); ok && !given[used] {
			given[used] = true
			params = append(params, v1.Param{Name: used, Value: value})
			unread.Add(&b.vars, used, nil)
		}
	}
	for _, param := range handed {
		if !given[param.Name] {
			params = append(params, param)
		}
	}
	return params
}

// completed adds to an object the keys that only the pipeline's object of the same name has. Existing keys take precedence.
func (b *childBuilder) completed(param v1.Param, unread *substitute.Unread) v1.Value {
	outer, ok := b.vars.Param(param.Name)
	if !ok || outer.Type != v1.TypeObject || param.Value.Type != v1.TypeObject {
		return param.Value
	}
	merged := maps.Clone(outer.Object)
	maps.Copy(merged, param.Value.Object)
	unread.Add(&b.vars, param.Name, param.Value.Object)
	return v1.ObjectValue(merged)
}

// usedParams returns the names of the pipeline's params that an embedded task uses: those that it declares without a default,
// or with one that the run overrides, and those to which its texts refer without a declaration.
func usedParams(spec *v1.TaskSpec, vars *substitute.Variables) []string {
	used := &paramsUsed{own: map[string]bool{}}
	for i := range spec.Params {
		declared := &spec.Params[i]
		used.own[declared.Name] = true
		outer, ok := vars.Param(declared.Name)
		sameType := ok && (declared.Type == "" || declared.Type == outer.Type)
		if declared.Default == nil || vars.Given(declared.Name) && sameType {
			used.names = append(used.names, declared.Name)
		}
	}
	for _, r := range variables.TaskReferences(spec, nil) {
		if r.Root != variables.RootParams || r.Malformed {
			continue
		}
		if name := vars.Named(r); !used.own[name] {
			used.names = append(used.names, name)
		}
	}
	return used.names
}

// paramsUsed returns the params to which texts refer and that are not the task's own.
type paramsUsed struct {
	own   map[string]bool
	names []string
}
