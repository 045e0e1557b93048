package pipelinerun

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/source"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

// lookPeriod is how often the reconciler checks whether the cluster serves CustomRuns, as long as it does not.
const lookPeriod = 15 * time.Second

// customRunWatch begins the watch on CustomRuns as soon as the cluster serves them. A manager whose watch fails does not start.
type customRunWatch struct {
	mapper meta.RESTMapper
	begin  func() error
}

// watchCustomRuns makes the end of a CustomRun start a reconcile of its PipelineRun.
func (r *Reconciler) watchCustomRuns(mgr ctrl.Manager, built controller.Controller) error {
	watch := &customRunWatch{mapper: mgr.GetRESTMapper(), begin: func() error {
		wake := handler.EnqueueRequestForOwner(mgr.GetScheme(), mgr.GetRESTMapper(), &v1.PipelineRun{}, handler.OnlyControllerOwner())
		return built.Watch(source.Kind[client.Object](mgr.GetCache(), &v1beta1.CustomRun{}, wake, ends()))
	}}
	if err := mgr.Add(watch); err != nil {
		return fmt.Errorf("cannot add the watch on CustomRuns to the manager: %w", err)
	}
	return nil
}

// Start waits until the cluster serves CustomRuns, and begins the watch.
func (w *customRunWatch) Start(ctx context.Context) error {
	ticker := time.NewTicker(lookPeriod)
	defer ticker.Stop()
	for {
		_, err := w.mapper.RESTMapping(v1beta1.GroupVersion.WithKind(v1beta1.KindCustomRun).GroupKind(), v1beta1.GroupVersion.Version)
		if err == nil {
			err = w.begin()
		}
		switch {
		case err == nil:
			ctrl.Log.Info("watching CustomRuns")
			return nil
		case !meta.IsNoMatchError(err):
			ctrl.Log.Error(err, "cannot watch CustomRuns yet, trying again")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
