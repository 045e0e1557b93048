package config

import (
	"fmt"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/trust"
	"github.com/sluice-ci/sluice/internal/validation"
)

// Keys of feature-flags that have an effect. Notices reports every other key; keys that begin with "_" are examples.
const (
	keyResultsFrom     = "results-from"
	keyPerRun          = "enable-results-from-annotation"
	keyFollowEveryTask = "follow-every-task"
	keyMaxResultSize   = "max-result-size"
	keyKeepPod         = "keep-pod-on-cancel"
	keyAwaitSidecars   = "await-sidecar-readiness"
	keySecurityContext = "set-security-context"
	keyReadOnlyRoot    = "set-security-context-read-only-root-filesystem"
	keyNoCredentials   = "disable-creds-init"
	keyKnownHosts      = "require-git-ssh-secret-known-hosts"
	keyCoschedule      = "coschedule"
	keyAPIFields       = "enable-api-fields"
	keyEmbeddedStatus  = "embedded-status"
	keySigning         = "enforce-nonfalsifiability"
	keySigningPolicy   = "signed-results-policy"
	keySigningSocket   = "signed-results-socket"
	keySigningIdentity = "signed-results-identity"
	keyNoInlineSpec    = "disable-inline-spec"
	keyAwaitInjected   = "running-in-environment-with-injected-sidecars"
	keyNoMatchPolicy   = "trusted-resources-verification-no-match-policy"
	keyCustomRunEvents = "send-cloudevents-for-runs"
)

func flagKeys() []string {
	return []string{
		keyResultsFrom, keyPerRun, keyMaxResultSize, keyKeepPod, keyAwaitSidecars, keySecurityContext, keyReadOnlyRoot,
		keyNoCredentials, keyKnownHosts, keyCoschedule, keyAPIFields, keyEmbeddedStatus, keyFollowEveryTask,
		keySigning, keySigningPolicy, keySigningSocket, keySigningIdentity, keyNoInlineSpec,
		keyAwaitInjected, keyNoMatchPolicy, keyCustomRunEvents,
	}
}

// ResultsFrom is how results leave a pod.
type ResultsFrom string

// The values of results-from.
const (
	// TerminationMessage transports results in the termination messages of the steps: at most 4 KiB per step.
	TerminationMessage ResultsFrom = "termination-message"
	// SidecarLogs transports results through the log of a sidecar: as much as the TaskRun object can hold.
	SidecarLogs ResultsFrom = "sidecar-logs"
)

// Coschedule is which pods of a PipelineRun must run on the same node.
type Coschedule string

// The values of coschedule.
const (
	// CoscheduleWorkspaces: pods that share a volume.
	CoscheduleWorkspaces Coschedule = "workspaces"
	// CoschedulePipelineRuns: all pods.
	CoschedulePipelineRuns Coschedule = "pipelineruns"
	// CoscheduleIsolate: all pods, on a node without pods of other PipelineRuns.
	CoscheduleIsolate Coschedule = "isolate-pipelinerun"
	// CoscheduleDisabled: no pods.
	CoscheduleDisabled Coschedule = "disabled"
)

// Flags has the feature flags.
type Flags struct {
	// ResultsFrom is how results leave a pod.
	ResultsFrom ResultsFrom
	// ResultsFromPerRun permits a run or its task to override ResultsFrom by the annotation sluice.dev/results-from.
	ResultsFromPerRun bool
	// FollowEveryTask applies ResultsFrom to tasks without results, too. With sidecar-logs the controller then sees their end
	// in the log of the sidecar, earlier than in the status of the pod. It costs one more container per pod.
	FollowEveryTask bool
	// MaxResultSize is the maximum size of the value of one result, in bytes, from 1 to results.ObjectLimit-1.
	MaxResultSize int64
	// KeepPodOnCancel stops the pod of a cancelled run instead of deleting it, so that its logs are kept.
	KeepPodOnCancel bool
	// AwaitSidecars makes the first step wait until the sidecars are ready.
	AwaitSidecars bool
	// AwaitInjected makes the first step wait until the containers that another component has added to the pod are ready.
	AwaitInjected bool
	// SecurityContext makes containers satisfy Pod Security "restricted", unless their task sets another security context.
	SecurityContext bool
	// ReadOnlyRootFilesystem makes root file systems read-only. It has an effect only together with SecurityContext.
	ReadOnlyRootFilesystem bool
	// DisableCredentials ignores the annotated secrets of the service account.
	DisableCredentials bool
	// RequireKnownHosts rejects secrets for git over SSH without known_hosts.
	RequireKnownHosts bool
	// Coschedule is which pods of a PipelineRun must run on the same node.
	Coschedule Coschedule
	// Signing has the settings of signed results.
	Signing Signing
	// NoInlineSpec has the kinds that must not embed a spec.
	NoInlineSpec validation.InlineSpecs
	// NoMatchPolicy is what happens to a definition of a resolver that no VerificationPolicy matches.
	NoMatchPolicy trust.NoMatch
	// CustomRunEvents sends CloudEvents about CustomRuns, too, if any are sent. Controllers of custom tasks may send their own.
	CustomRunEvents bool
}

func defaultFlags() Flags {
	return Flags{
		ResultsFrom: TerminationMessage, ResultsFromPerRun: true, MaxResultSize: results.DefaultMaxSize,
		AwaitSidecars: true, AwaitInjected: true, Coschedule: CoscheduleWorkspaces, Signing: defaultSigning(),
		NoMatchPolicy: trust.NoMatchIgnore, CustomRunEvents: true,
	}
}

// ParseFlags parses the data of the ConfigMap feature-flags. values are the valid values of results-from. An empty map gives
// the defaults.
func ParseFlags(data map[string]string, values []ResultsFrom) (Flags, []SettingError) {
	flags := defaultFlags()
	s := &settings{configMap: FlagsName, data: data}
	oneOf(s, keyResultsFrom, &flags.ResultsFrom, values...)
	s.boolean(keyPerRun, &flags.ResultsFromPerRun)
	s.boolean(keyFollowEveryTask, &flags.FollowEveryTask)
	s.number(keyMaxResultSize, &flags.MaxResultSize, 1, results.ObjectLimit-1,
		fmt.Sprintf("a number of bytes from 1 to %d (below 1.5 MiB, the maximum size of an object)", results.ObjectLimit-1))
	s.boolean(keyKeepPod, &flags.KeepPodOnCancel)
	s.boolean(keyAwaitSidecars, &flags.AwaitSidecars)
	s.boolean(keyAwaitInjected, &flags.AwaitInjected)
	s.boolean(keySecurityContext, &flags.SecurityContext)
	s.boolean(keyReadOnlyRoot, &flags.ReadOnlyRootFilesystem)
	s.boolean(keyNoCredentials, &flags.DisableCredentials)
	s.boolean(keyKnownHosts, &flags.RequireKnownHosts)
	oneOf(s, keyCoschedule, &flags.Coschedule, CoscheduleWorkspaces, CoschedulePipelineRuns, CoscheduleIsolate, CoscheduleDisabled)
	s.signing(&flags.Signing)
	s.inlineSpecs(&flags.NoInlineSpec)
	s.noMatchPolicy(&flags.NoMatchPolicy)
	s.boolean(keyCustomRunEvents, &flags.CustomRunEvents)
	s.checkWithoutEffect()
	return flags, s.problems
}

// noMatchPolicy parses what happens to definitions that no policy matches. An unknown value must not permit more than the one that
// was meant, so it counts as the strictest one.
func (s *settings) noMatchPolicy(into *trust.NoMatch) {
	if _, ok := s.data[keyNoMatchPolicy]; ok {
		*into = trust.NoMatchFail
	}
	oneOf(s, keyNoMatchPolicy, into, trust.NoMatchIgnore, trust.NoMatchWarn, trust.NoMatchFail)
}

// inlineSpecs parses a list of kinds.
func (s *settings) inlineSpecs(into *validation.InlineSpecs) {
	for _, kind := range entries(s.data[keyNoInlineSpec]) {
		switch kind {
		case "pipeline":
			into.Pipeline = true
		case "pipelinerun":
			into.PipelineRun = true
		case "taskrun":
			into.TaskRun = true
		default:
			s.refuseEntry(keyNoInlineSpec, kind, `one of "pipeline", "pipelinerun", "taskrun"`)
		}
	}
}

// checkWithoutEffect checks the values of flags without effect: all fields of the API are available with any value of
// enable-api-fields, and the status of a PipelineRun refers to its TaskRuns and never repeats their status.
func (s *settings) checkWithoutEffect() {
	fields := "beta"
	oneOf(s, keyAPIFields, &fields, "stable", "beta", "alpha")
	status := "minimal"
	oneOf(s, keyEmbeddedStatus, &status, "minimal")
}
