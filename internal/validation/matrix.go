package validation

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
)

// Limits are what the settings of an installation bound in objects.
type Limits struct {
	// MatrixCombinations is how many TaskRuns a matrix may make, from 1: default-max-matrix-combinations-count of
	// config-defaults.
	MatrixCombinations int64
	// ForbiddenEnv are the environment variables that the pod template of a run must not set: default-forbidden-env of
	// config-defaults.
	ForbiddenEnv []string
	// OwnEnv are the variables of default-pod-template, which every new run gets. They are allowed.
	OwnEnv []corev1.EnvVar
	// NoInlineSpec says in which kinds no Task or Pipeline may be written out.
	NoInlineSpec InlineSpecs
}

// DefaultLimits are those of an installation that sets none.
func DefaultLimits() Limits { return Limits{MatrixCombinations: 256} }

// ReportPipelineLimits checks what the settings bound: whether tasks may be written out, and how many TaskRuns the matrices make,
// as far as the pipeline itself shows that. A matrix of arrays that only the run knows is counted when the task is to start.
func ReportPipelineLimits(r *Report, p *v1.Pipeline, l Limits) {
	path := field.NewPath("spec")
	validateCombinations(r, &p.Spec, path, l)
	r.Add(PipelineSpecPolicy(&p.Spec, path, l)...)
}

// ReportPipelineRunLimits is like ReportPipelineLimits, for the run and the pipeline that is written out in it.
func ReportPipelineRunLimits(report *Report, r *v1.PipelineRun, l Limits) {
	report.Add(PipelineRunPolicy(r, l)...)
	if r.Spec.PipelineSpec != nil {
		validateCombinations(report, r.Spec.PipelineSpec, field.NewPath("spec", "pipelineSpec"), l)
	}
}

func validateCombinations(r *Report, s *v1.PipelineSpec, path *field.Path, l Limits) {
	for _, list := range taskLists(s) {
		for i := range r.each(len(list.tasks)) {
			m := list.tasks[i].Matrix
			if n := combinations(m, l.MatrixCombinations); n > l.MatrixCombinations {
				r.Add(field.Invalid(path.Child(list.field).Index(i).Child("matrix"), fmt.Sprintf("%d combinations", n),
					fmt.Sprintf("at most %d (default-max-matrix-combinations-count); give fewer values, or split the task", l.MatrixCombinations)))
			}
		}
	}
}

// validateMatrix checks a matrix with the params beside it.
func validateMatrix(r *Report, t *v1.PipelineTask, path *field.Path) {
	m := t.Matrix
	if m == nil {
		return
	}
	if len(m.Params) == 0 && len(m.Include) == 0 {
		r.Add(field.Required(path.Child("params"), "give params or include"))
		return
	}
	outside := sets.New[string]()
	for i := range t.Params {
		outside.Insert(t.Params[i].Name)
	}
	validateMatrixParams(r, path.Child("params"), m.Params, outside, matrixArray)
	for i := range r.each(len(m.Include)) {
		path := path.Child("include").Index(i).Child("params")
		if len(m.Include[i].Params) == 0 {
			r.Add(field.Required(path, "give at least one param, or leave the entry out"))
		}
		validateMatrixParams(r, path, m.Include[i].Params, outside, matrixString)
	}
}

func validateMatrixParams(r *Report, path *field.Path, params []v1.Param, outside sets.Set[string], problemOf func(*v1.Value) string) {
	validateGiven(r, params, path)
	for i := range r.each(len(params)) {
		if outside.Has(params[i].Name) {
			r.Add(field.Invalid(path.Index(i).Child("name"), shown(params[i].Name), "the same param stands in params; give it in one place"))
		}
		if problem := problemOf(&params[i].Value); problem != "" {
			r.Add(field.Invalid(path.Index(i).Child("value"), shown(firstText(&params[i].Value)), problem))
		}
	}
}

func matrixArray(v *v1.Value) string {
	if v.Type == v1.TypeArray || v.Type == v1.TypeString && isSole(v.String) {
		return ""
	}
	return "a param of a matrix is an array, or a reference to a whole one, as in $(params.<array>[*])"
}

func matrixString(v *v1.Value) string {
	if v.Type == v1.TypeString {
		return ""
	}
	return "a param of include is a string"
}

// combinations is how many there are at least, counting an array that is not known yet as one element; it is not counted
// on beyond limit. An include adds one when there are no params to combine it with.
func combinations(m *v1.Matrix, limit int64) int64 {
	if m == nil {
		return 0
	}
	if len(m.Params) == 0 {
		return int64(len(m.Include))
	}
	n := int64(1)
	for i := range m.Params {
		value := &m.Params[i].Value
		if value.Type != v1.TypeArray {
			continue
		}
		known := int64(0)
		for _, text := range value.Array {
			if !isSole(text) {
				known++ // another may be an array of any length, even of none
			}
		}
		n *= max(known, 1)
		if n > limit {
			return n
		}
	}
	return n
}

// validateDisplayNames checks the references in what a task and the combinations of its matrix are called for people. They see
// the params of the combination.
func (p pipelineScope) validateDisplayNames(path *field.Path, t *v1.PipelineTask) {
	named := p
	named.scope = p.inner()
	named.addGiven(matrixParams(t.Matrix))
	variables.VisitDisplayNames(t, path, &pipelineReferences{scope: named})
}
