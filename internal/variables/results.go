package variables

import (
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Attributes of a task of a pipeline or of a step, behind its name.
const (
	AttributeResults = "results"
	AttributeInputs  = "inputs"
	AttributeOutputs = "outputs"
	attributePath    = "path"
	attributeStatus  = "status"
	attributeReason  = "reason"
	attributeMatrix  = "matrix"
	attributeLength  = "length"
)

// ResultRef is a reference to a result of another task of the same pipeline: $(tasks.<task>.results.<result>) or, in the
// results of a pipeline, $(finally.<task>.results.<result>), with [*], [index] or .key behind it. A reference to an artifact,
// $(tasks.<task>.outputs.<artifact>), is one to a result that is a string: its text is the values of the artifact as JSON.
type ResultRef struct {
	// Task is the name of the task that produces the result.
	Task string
	// Result is its name; for an artifact, that of ArtifactResult, which no result has.
	Result string
	// Artifacts is AttributeInputs or AttributeOutputs for an artifact, and empty for a result.
	Artifacts string
	// Whole is true for [*], the whole of an array or an object, or of the results of a task with a matrix.
	Whole bool
	// Index is the element of an array, and -1 where none is named.
	Index int
	// Key is the key of an object, and empty where none is named.
	Key string
	// Finally is true for a task of finally.
	Finally bool
}

// StepResultRef is a reference to a result of an earlier step of the same task: $(steps.<step>.results.<result>), with
// [*], [index] or .key behind it. It is also one to an artifact, $(steps.<step>.outputs.<artifact>), which has no parts.
type StepResultRef struct {
	// Step is the name of the step that produces the result.
	Step string
	// Result is its name, or that of the artifact.
	Result string
	// Artifacts is AttributeInputs or AttributeOutputs for an artifact, and empty for a result.
	Artifacts string
	// Whole is true for [*], the whole of an array or an object.
	Whole bool
	// Index is the element of an array, and -1 where none is named.
	Index int
	// Key is the key of an object, and empty where none is named.
	Key string
}

// ResultRef returns the reference as one to a task's result, and false when it is of another kind.
func (r Reference) ResultRef() (ResultRef, bool) {
	if r.Root != RootTasks && r.Root != RootFinally {
		return ResultRef{}, false
	}
	s, ok := r.result()
	ref := ResultRef{
		Task: s.Step, Result: s.Result, Artifacts: s.Artifacts, Whole: s.Whole, Index: s.Index, Key: s.Key,
		Finally: ok && r.Root == RootFinally,
	}
	if ref.Artifacts != "" {
		ref.Result = ArtifactResult(ref.Artifacts, s.Result)
	}
	return ref, ok
}

// ArtifactResult returns the name under which the values of an artifact of a task count as a result of it. No result has such a
// name, because it has a slash. Of is AttributeInputs or AttributeOutputs.
func ArtifactResult(of, artifact string) string { return of + "/" + artifact }

// Text returns the reference as it is written, without the part of the result that it names.
func (r ResultRef) Text() string {
	root := RootTasks
	if r.Finally {
		root = RootFinally
	}
	if r.Artifacts != "" {
		return root + "." + r.Task + "." + strings.Replace(r.Result, "/", ".", 1)
	}
	return root + "." + r.Task + "." + AttributeResults + "." + r.Result
}

// ArtifactsPath returns RootStep for $(step.artifacts.path), the file of the artifacts of the step that has the text;
// RootArtifacts for $(artifacts.path), that of the artifacts of the task; and "" for references of other kinds.
func (r Reference) ArtifactsPath() string {
	if r.Malformed || r.HasIndex() {
		return ""
	}
	switch text := r.Root + "." + strings.Join(r.Names, "."); text {
	case RootArtifacts + "." + attributePath:
		return RootArtifacts
	case RootStep + "." + RootArtifacts + "." + attributePath:
		return RootStep
	}
	return ""
}

// StepResultRef returns the reference as one to a step's result, and false when it is of another kind.
func (r Reference) StepResultRef() (StepResultRef, bool) {
	if r.Root != RootSteps {
		return StepResultRef{}, false
	}
	return r.result()
}

// result reads <owner>.results.<result> with what may stand behind it, <owner>.inputs.<artifact>, or <owner>.outputs.<artifact>.
func (r Reference) result() (StepResultRef, bool) {
	const owner, results, result, key = 0, 1, 2, 3
	if r.Malformed || len(r.Names) < key || len(r.Names) > key+1 {
		return StepResultRef{}, false
	}
	switch of := r.Names[results]; of {
	case AttributeResults:
	case AttributeInputs, AttributeOutputs:
		ok := len(r.Names) == key && !r.HasIndex() && r.Root != RootFinally
		return StepResultRef{Step: r.Names[owner], Result: r.Names[result], Artifacts: of, Index: -1}, ok
	default:
		return StepResultRef{}, false
	}
	ref := StepResultRef{Step: r.Names[owner], Result: r.Names[result], Whole: r.Whole, Index: r.Index}
	if len(r.Names) > key {
		if r.HasIndex() {
			return StepResultRef{}, false
		}
		ref.Key = r.Names[key]
	}
	return ref, true
}

// TaskState returns of a reference to how a task of a pipeline ended, $(tasks.<task>.status) or $(tasks.<task>.reason),
// the task and the word behind it. For $(tasks.status), which is about all tasks, the task is empty. It returns false for
// references of other kinds.
func (r Reference) TaskState() (task, attribute string, ok bool) {
	if r.Malformed || r.Root != RootTasks || r.HasIndex() {
		return "", "", false
	}
	switch {
	case len(r.Names) == 1 && r.Names[0] == attributeStatus:
		return "", attributeStatus, true
	case len(r.Names) == 2 && (r.Names[1] == attributeStatus || r.Names[1] == attributeReason):
		return r.Names[0], r.Names[1], true
	}
	return "", "", false
}

// MatrixLength returns of a reference to the size of a task's matrix the task, and the result for
// $(tasks.<task>.matrix.<result>.length), which counts those of the task's runs that produced it. For
// $(tasks.<task>.matrix.length), which counts the combinations, the result is empty. It returns false for references of
// other kinds.
func (r Reference) MatrixLength() (task, result string, ok bool) {
	n := len(r.Names)
	if r.Malformed || r.Root != RootTasks || r.HasIndex() || n < 3 || n > 4 ||
		r.Names[1] != attributeMatrix || r.Names[n-1] != attributeLength {
		return "", "", false
	}
	if n == 4 {
		result = r.Names[2]
	}
	return r.Names[0], result, true
}

// ResultRefs returns the references to results of other tasks in a value, in the order in which they stand there.
func ResultRefs(v v1.Value) []ResultRef {
	var refs []ResultRef
	for _, text := range v.Texts() {
		for r := range References(text) {
			if ref, ok := r.ResultRef(); ok {
				refs = append(refs, ref)
			}
		}
	}
	return refs
}

// Handed is the name of the param by which a pipeline gives the value of the reference to a TaskRun: the result as a whole for
// a reference to a part of it, such as tasks.build.results.digest, or the variable, such as context.pipelineRun.name.
func (r Reference) Handed() string {
	if ref, ok := r.ResultRef(); ok && ref.Artifacts == "" {
		return RootTasks + "." + ref.Task + "." + AttributeResults + "." + ref.Result
	}
	return r.Root + "." + strings.Join(r.Names, ".")
}
