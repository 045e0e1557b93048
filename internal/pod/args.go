package pod

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
)

// endOfOptions separates the entrypoint's options from the step's command.
const endOfOptions = "--"

// resultsFromArg records in the pod's spec, which is immutable, how its results are transported.
const resultsFromArg = "-results-from"

// option returns an argument with an option of the in-pod binary and its value. Name and value are one argument, so that no
// value can be taken for an option, or for the end of the options.
func option(name, value string) string { return "-" + name + "=" + value }

// switches returns the options of the entrypoint without a value.
func switches() []string {
	return []string{"stay", "report-results", "break-before", "break-on-failure"}
}

// scan calls visit with each option in the arguments of an entrypoint, and its value, and returns the end of the options. It
// parses them as the entrypoint does: an option without "=" has its value in the next argument, whatever that looks like.
// Earlier versions wrote options in this form.
func scan(args []string, visit func(name, value string)) (end int) {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if i == 0 && arg == entrypointRole {
			continue
		}
		if arg == endOfOptions || len(arg) < len("-x") || arg[0] != '-' {
			return i
		}
		name, value, joined := strings.Cut(strings.TrimPrefix(arg[1:], "-"), "=")
		if !joined && !slices.Contains(switches(), name) {
			if i++; i == len(args) {
				return i
			}
			value = args[i]
		}
		visit(name, value)
	}
	return len(args)
}

// optionOf returns the value of an option in the arguments of an entrypoint.
func optionOf(args []string, option string) (value string, ok bool) {
	scan(args, func(name, v string) {
		if name == strings.TrimPrefix(option, "-") {
			value, ok = v, true
		}
	})
	return value, ok
}

// AddStepArgs adds arguments to the entrypoint of every step.
func AddStepArgs(p *corev1.Pod, args ...string) {
	for i := range p.Spec.Containers {
		if c := &p.Spec.Containers[i]; podpaths.IsStep(c.Name) {
			addArgs(c, args...)
		}
	}
}

// addArgs adds arguments to the entrypoint of a container.
func addArgs(c *corev1.Container, args ...string) {
	c.Args = slices.Insert(c.Args, scan(c.Args, func(string, string) {}), args...)
}

// ResultsFrom returns how the results of a pod's steps are transported: as configured when the pod was created.
func ResultsFrom(p *corev1.Pod) config.ResultsFrom {
	for _, c := range p.Spec.Containers {
		if !podpaths.IsStep(c.Name) {
			continue
		}
		if from, ok := optionOf(c.Args, resultsFromArg); ok {
			return config.ResultsFrom(from)
		}
	}
	return config.TerminationMessage
}
