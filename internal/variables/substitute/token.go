package substitute

import "github.com/sluice-ci/sluice/internal/variables"

// StepResultToken stands for a reference to a result of an earlier step. The entrypoint resolves it in the pod, when the step
// that refers to it starts.
type StepResultToken struct {
	// Token stands in the place of the reference in command, args, script, values of env and when of steps. No value
	// can contain it: it has a random part. It is made of letters, digits and dashes, so that neither the kubelet nor a
	// shell nor base64 sees anything in it, and none is the beginning of another.
	Token string
	// Step and Result are the names of the step, as $(steps.<step>.…) has it, and of its result or artifact.
	Step, Result string
	// Artifacts is variables.AttributeInputs or AttributeOutputs for an artifact, and empty for a result.
	Artifacts string
	// Whole is true for [*], the whole of an array or an object.
	Whole bool
	// Index is the element of an array, and -1 where none is named.
	Index int
	// Key is the key of an object, and empty where none is named.
	Key string
}

// Reference returns the reference as it is written, without the part of the result that it names.
func (t StepResultToken) Reference() string {
	of := t.Artifacts
	if of == "" {
		of = variables.AttributeResults
	}
	return "$(" + variables.RootSteps + "." + t.Step + "." + of + "." + t.Result + ")"
}
