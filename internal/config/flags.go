package config

import (
	"fmt"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/results"
)

// Keys of feature-flags that are acted on. Notices reports every other key; keys that begin with "_" are examples.
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
)

func flagKeys() []string {
	return []string{
		keyResultsFrom, keyPerRun, keyMaxResultSize, keyKeepPod, keyAwaitSidecars, keySecurityContext, keyReadOnlyRoot,
		keyNoCredentials, keyKnownHosts, keyCoschedule, keyAPIFields, keyEmbeddedStatus, keyFollowEveryTask,
		keySigning, keySigningPolicy, keySigningSocket, keySigningIdentity, keyNoInlineSpec,
	}
}

// ResultsFrom says how results come back from a pod.
type ResultsFrom string

// The ways in which results come back.
const (
	// TerminationMessage carries results in the termination messages of the steps: at most 4 KiB a step.
	TerminationMessage ResultsFrom = "termination-message"
	// SidecarLogs carries results through the log of a sidecar: up to what the TaskRun object can hold.
	SidecarLogs ResultsFrom = "sidecar-logs"
)

// Coschedule says which pods of a PipelineRun have to run on the same node.
type Coschedule string

// The values of coschedule.
const (
	// CoscheduleWorkspaces: those that share a volume.
	CoscheduleWorkspaces Coschedule = "workspaces"
	// CoschedulePipelineRuns: all of them.
	CoschedulePipelineRuns Coschedule = "pipelineruns"
	// CoscheduleIsolate: all of them, on a node that has no other PipelineRun.
	CoscheduleIsolate Coschedule = "isolate-pipelinerun"
	// CoscheduleDisabled: none.
	CoscheduleDisabled Coschedule = "disabled"
)

// Flags are the feature flags.
type Flags struct {
	// ResultsFrom says how results come back.
	ResultsFrom ResultsFrom
	// ResultsFromPerRun says that a run or its task may say otherwise, by the annotation sluice.dev/results-from.
	ResultsFromPerRun bool
	// FollowEveryTask has tasks without results go by ResultsFrom, too: with sidecar-logs, their end is known from the
	// sidecar's log, sooner than from the pod's status, for one more container in each pod.
	FollowEveryTask bool
	// MaxResultSize is the limit of one result's value, in bytes, from 1 to results.ObjectLimit-1.
	MaxResultSize int64
	// KeepPodOnCancel stops the pod of a cancelled run instead of deleting it, so that its logs stay.
	KeepPodOnCancel bool
	// AwaitSidecars makes the first step wait until the sidecars are ready.
	AwaitSidecars bool
	// SecurityContext makes all containers satisfy Pod Security "restricted" where a task does not say otherwise.
	SecurityContext bool
	// ReadOnlyRootFilesystem does the same for the containers' file systems; only together with SecurityContext.
	ReadOnlyRootFilesystem bool
	// DisableCredentials leaves the service account's annotated secrets alone.
	DisableCredentials bool
	// RequireKnownHosts refuses secrets for git over SSH that do not say which hosts to trust.
	RequireKnownHosts bool
	// Coschedule says which pods of a PipelineRun have to run on the same node.
	Coschedule Coschedule
	// Signing says whether and how results are signed.
	Signing Signing
	// NoInlineSpec says in which kinds no Task or Pipeline may be written out.
	NoInlineSpec v1.InlineSpecs
}

func defaultFlags() Flags {
	return Flags{
		ResultsFrom: TerminationMessage, ResultsFromPerRun: true, MaxResultSize: results.DefaultMaxSize,
		AwaitSidecars: true, Coschedule: CoscheduleWorkspaces, Signing: defaultSigning(),
	}
}

// ParseFlags reads the data of the ConfigMap feature-flags, where results-from may have one of the given values. An
// empty map gives the defaults.
func ParseFlags(data map[string]string, values []ResultsFrom) (Flags, []SettingError) {
	flags := defaultFlags()
	s := &settings{configMap: FlagsName, data: data}
	oneOf(s, keyResultsFrom, &flags.ResultsFrom, values...)
	s.boolean(keyPerRun, &flags.ResultsFromPerRun)
	s.boolean(keyFollowEveryTask, &flags.FollowEveryTask)
	s.number(keyMaxResultSize, &flags.MaxResultSize, 1, results.ObjectLimit-1,
		fmt.Sprintf("a number of bytes from 1 to %d (below 1.5 MiB, what one API object can hold)", results.ObjectLimit-1))
	s.boolean(keyKeepPod, &flags.KeepPodOnCancel)
	s.boolean(keyAwaitSidecars, &flags.AwaitSidecars)
	s.boolean(keySecurityContext, &flags.SecurityContext)
	s.boolean(keyReadOnlyRoot, &flags.ReadOnlyRootFilesystem)
	s.boolean(keyNoCredentials, &flags.DisableCredentials)
	s.boolean(keyKnownHosts, &flags.RequireKnownHosts)
	oneOf(s, keyCoschedule, &flags.Coschedule, CoscheduleWorkspaces, CoschedulePipelineRuns, CoscheduleIsolate, CoscheduleDisabled)
	s.signing(&flags.Signing)
	s.inlineSpecs(&flags.NoInlineSpec)
	s.checkWithoutEffect()
	return flags, s.problems
}

// inlineSpecs reads a list of kinds.
func (s *settings) inlineSpecs(into *v1.InlineSpecs) {
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

// checkWithoutEffect reads flags on which nothing depends: all fields of the API can be used whatever
// enable-api-fields says, and a PipelineRun's status refers to its TaskRuns and never repeats theirs.
func (s *settings) checkWithoutEffect() {
	fields := "beta"
	oneOf(s, keyAPIFields, &fields, "stable", "beta", "alpha")
	status := "minimal"
	oneOf(s, keyEmbeddedStatus, &status, "minimal")
}
