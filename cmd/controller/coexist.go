package main

import (
	"context"
	"fmt"

	"k8s.io/client-go/discovery"
	ctrl "sigs.k8s.io/controller-runtime"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/coexist"
	counts "github.com/sluice-ci/sluice/internal/metrics"
)

// known are the functions that leave out of statuses the fields that the installed version of Tekton does not have; nil if the
// kinds are those of this version.
type known struct {
	taskRun     func(v1.TaskRunStatus) v1.TaskRunStatus
	pipelineRun func(v1.PipelineRunStatus) v1.PipelineRunStatus
}

// addFields adds what keeps the fields of Tekton's kinds up to date.
func addFields(mgr ctrl.Manager, o *options) (known, error) {
	if !o.coexist {
		return known{}, nil
	}
	found, err := discovery.NewDiscoveryClientForConfig(mgr.GetConfig())
	if err != nil {
		return known{}, fmt.Errorf("cannot create discovery client: %w", err)
	}
	fields := coexist.NewFields(found.OpenAPIV3(), ctrl.Log.WithName("fields"))
	if err := fields.Load(); err != nil {
		return known{}, err
	}
	if err := mgr.Add(fields); err != nil {
		return known{}, fmt.Errorf("cannot add fields to manager: %w", err)
	}
	return known{fields.TaskRun, fields.PipelineRun}, nil
}

// addMissed reports, beside Tekton, the runs that the webhook should have marked.
func addMissed(ctx context.Context, mgr ctrl.Manager, o *options, m *monitoring) error {
	if !o.coexist {
		return nil
	}
	m.more = append(m.more, &counts.Missed{Runs: mgr.GetCache(), Leads: mgr.Elected()})
	reporter := &coexist.Reporter{Cache: mgr.GetCache(), Recorder: mgr.GetEventRecorder(self), Leads: mgr.Elected()}
	return reporter.Watch(ctx)
}
