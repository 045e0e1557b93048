package coexist

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/openapi"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/fieldset"
)

// interval is how often the controller looks whether Tekton's kinds have changed. Until then it may write a field that the new
// version does not have; such a write fails and is repeated. A look costs a request for a list of a few kilobytes.
const interval = 10 * time.Second

// Errors of a cluster on which Sluice cannot run beside Tekton.
var (
	errNoTekton    = errors.New("the API server does not serve tekton.dev/v1; install Tekton first, or start the controller without --coexist")
	errNoManagedBy = errors.New("the installed version of Tekton has no field spec.managedBy, so it would run the runs of Sluice, too; " +
		"update Tekton")
)

// Fields leaves out of statuses the fields that the installed version of Tekton does not have, by the OpenAPI document of the API
// server. It keeps itself up to date.
type Fields struct {
	source       openapi.Client
	log          logr.Logger
	version      string // the address of the document, which has its hash
	taskRuns     atomic.Pointer[fieldset.Trim[v1.TaskRunStatus]]
	pipelineRuns atomic.Pointer[fieldset.Trim[v1.PipelineRunStatus]]
}

// NewFields returns Fields that leave out nothing before Load.
func NewFields(source openapi.Client, log logr.Logger) *Fields {
	return &Fields{source: source, log: log}
}

// TaskRun returns the status of a TaskRun without unknown fields.
func (f *Fields) TaskRun(status v1.TaskRunStatus) v1.TaskRunStatus {
	return f.taskRuns.Load().Apply(status)
}

// PipelineRun returns the status of a PipelineRun without unknown fields.
func (f *Fields) PipelineRun(status v1.PipelineRunStatus) v1.PipelineRunStatus {
	return f.pipelineRuns.Load().Apply(status)
}

// Load reads the document if it has changed. It fails if Sluice cannot run beside the installed version of Tekton.
func (f *Fields) Load() error {
	paths, err := f.source.Paths()
	if err != nil {
		return fmt.Errorf("cannot read the list of OpenAPI documents of the API server: %w", err)
	}
	served, ok := paths["apis/"+v1.GroupVersion.String()]
	if !ok {
		return fmt.Errorf("cannot run beside Tekton: %w", errNoTekton)
	}
	if served.ServerRelativeURL() == f.version {
		return nil
	}
	text, err := served.Schema("application/json")
	if err != nil {
		return fmt.Errorf("cannot read the OpenAPI document of %s: %w", v1.GroupVersion, err)
	}
	document, err := fieldset.Parse(text)
	if err != nil {
		return err
	}
	for _, kind := range []string{v1.KindTaskRun, v1.KindPipelineRun} {
		if has, ok := document.Has(kind, "spec", "managedBy"); ok && !has {
			return fmt.Errorf("cannot run beside Tekton: %w", errNoManagedBy)
		}
	}
	f.use(document)
	f.version = served.ServerRelativeURL()
	return nil
}

func (f *Fields) use(document fieldset.Document) {
	taskRun, pipelineRun := document.Status(v1.KindTaskRun), document.Status(v1.KindPipelineRun)
	// The schema leaves the attempts open; their type is that of a status.
	ofTaskRuns := fieldset.Compile[v1.TaskRunStatus](taskRun, map[string]*fieldset.Schema{"retriesStatus": taskRun})
	ofPipelineRuns := fieldset.Compile[v1.PipelineRunStatus](pipelineRun, nil)
	f.taskRuns.Store(ofTaskRuns)
	f.pipelineRuns.Store(ofPipelineRuns)
	f.log.Info("fields of Tekton's statuses", "named", taskRun != nil && pipelineRun != nil,
		"leftOutOfTaskRuns", ofTaskRuns.Unknown, "leftOutOfPipelineRuns", ofPipelineRuns.Unknown)
}

// NeedLeaderElection returns false: a standby replica must know the fields when it begins to lead.
func (*Fields) NeedLeaderElection() bool { return false }

// Start looks for changes until ctx ends. A document that cannot be read is logged, and the fields stay as they are.
func (f *Fields) Start(ctx context.Context) error {
	wait.UntilWithContext(ctx, func(context.Context) {
		if err := f.Load(); err != nil {
			f.log.Error(err, "cannot update the fields of Tekton's kinds")
		}
	}, interval)
	return nil
}
