package pod

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/results"
)

const (
	// maxArgument is the maximum length in bytes of a single argument, or of NAME=value of the environment, in Linux:
	// MAX_ARG_STRLEN, 32 pages, minus the terminating byte.
	maxArgument = 32*4096 - 1
	// maxArguments is the maximum length of arguments and environment together. Linux permits a quarter of the stack's limit,
	// 2 MiB at the usual 8 MiB. The difference is for pointers and the image's environment.
	maxArguments = 2<<20 - 128<<10
)

// LimitError means that a step needs more than a process, or a pod, can hold.
type LimitError struct {
	// Field is the field of the task with the text.
	Field string
	// Size is the length of the text, and Limit the maximum, in bytes.
	Size, Limit int
	// Hint is what to do.
	Hint string
}

// Error returns the field, the size, the limit and the hint.
func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: %d bytes are more than the limit of %d; %s", e.Field, e.Size, e.Limit, e.Hint)
}

// FieldError means that a field of the task cannot be used. Like a LimitError it is an outcome of the run: a retry does not
// help.
type FieldError struct {
	// Field is the path of the field, and Value its value, shortened for users.
	Field, Value string
	// Problem is what is wrong with it, and what to do.
	Problem string
}

// Error returns the field, the value and the problem.
func (e *FieldError) Error() string { return fmt.Sprintf("%s: %q: %s", e.Field, e.Value, e.Problem) }

// checkLimits finds what would otherwise fail later with an unclear message ("argument list too long").
func checkLimits(pod *corev1.Pod, spec *v1.TaskSpec) error {
	for i, step := range spec.Steps {
		if err := checkProcess(fmt.Sprintf("spec.steps[%d]", i), step.Command, step.Args, step.Env, pod.Spec.Containers[i].Args); err != nil {
			return err
		}
	}
	if size := pod.Size(); size >= results.ObjectLimit {
		return &LimitError{Field: "spec.steps", Size: size, Limit: results.ObjectLimit - 1,
			Hint: "a pod is one API object; pass large data through a workspace"}
	}
	return nil
}

func checkProcess(field string, command, args []string, env []corev1.EnvVar, all []string) error {
	const useScript = "use the value in the step's script, which may be larger, or pass it through a workspace"
	for _, list := range []struct {
		name   string
		values []string
	}{{"command", command}, {"args", args}} {
		for i, value := range list.values {
			if n := folded(value); n > maxArgument {
				return &LimitError{fmt.Sprintf("%s.%s[%d]", field, list.name, i), n, maxArgument, useScript}
			}
		}
	}
	total := 0
	for i, e := range env {
		n := len(e.Name) + 1 + folded(e.Value)
		if n > maxArgument {
			return &LimitError{fmt.Sprintf("%s.env[%d].value", field, i), n, maxArgument, useScript}
		}
		total += n + 1
	}
	for _, arg := range all {
		n := folded(arg)
		if n > maxArgument {
			// This is an argument of the entrypoint: a path, or a reference. The arguments of the command are checked above.
			return &LimitError{field, n, maxArgument, "its paths and names are arguments of a process; use shorter ones"}
		}
		total += n + 1
	}
	if total > maxArguments {
		return &LimitError{
			field,
			total,
			maxArguments,
			"script, arguments and environment of a step count together; pass large data through a workspace",
		}
	}
	return nil
}

// folded returns the length of a value after Kubernetes has replaced each "$$" by "$".
func folded(s string) int { return len(s) - strings.Count(s, "$$") }
