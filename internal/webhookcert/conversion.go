package webhookcert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// caFile is the key of the CA in the Secret.
const caFile = "ca.crt"

// converting writes the CA into CRDs whose objects a webhook converts. It reads only the metadata of CRDs: they have a megabyte each.
type converting struct {
	client client.Client
	secret types.NamespacedName
	// service of the webhook. A CRD that names another one belongs to another program.
	service string
	crds    []string
	// done has, by the name of a CRD, what was written, and the generation of the CRD then.
	done  map[string]written
	ready chan struct{}
	told  bool
}

// written is a CA in a generation of a CRD.
type written struct {
	generation int64
	ca         string
}

// addToManager makes mgr write the CA. Only one worker does it. Every replica does it, for the reason that AddToManager has.
func (c *converting) addToManager(mgr ctrl.Manager) error {
	secret := predicate.NewPredicateFuncs(func(s client.Object) bool { return client.ObjectKeyFromObject(s) == c.secret })
	toSecret := handler.EnqueueRequestsFromMapFunc(func(_ context.Context, crd client.Object) []reconcile.Request {
		for _, name := range c.crds {
			if name == crd.GetName() {
				return []reconcile.Request{{NamespacedName: c.secret}}
			}
		}
		return nil
	})
	err := ctrl.NewControllerManagedBy(mgr).Named("conversion-certificate").
		For(&corev1.Secret{}, builder.WithPredicates(secret)).
		WatchesMetadata(crdNamed(""), toSecret).
		WithOptions(controller.Options{NeedLeaderElection: new(false), MaxConcurrentReconciles: 1}).
		Complete(c)
	if err != nil {
		return fmt.Errorf("cannot add certificate of conversion to manager: %w", err)
	}
	return nil
}

// crdNamed returns the metadata of a CRD.
func crdNamed(name string) *metav1.PartialObjectMetadata {
	crd := &metav1.PartialObjectMetadata{}
	crd.APIVersion, crd.Kind, crd.Name = "apiextensions.k8s.io/v1", "CustomResourceDefinition", name
	return crd
}

// Reconcile writes the CA of the Secret into the CRDs that do not have it. It is ready when it has tried each CRD without an error.
func (c *converting) Reconcile(ctx context.Context, _ ctrl.Request) (ctrl.Result, error) {
	secret := &corev1.Secret{}
	if err := c.client.Get(ctx, c.secret, secret); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	ca := secret.Data[caFile]
	if len(ca) == 0 {
		return ctrl.Result{}, nil // the rotator has not filled it yet
	}
	var errs []error
	for _, name := range c.crds {
		if err := c.write(ctx, name, ca); err != nil {
			errs = append(errs, fmt.Errorf("cannot write the CA into CRD %q: %w", name, err))
		}
	}
	if len(errs) == 0 && !c.told {
		c.told = true
		close(c.ready)
	}
	return ctrl.Result{}, errors.Join(errs...)
}

// write writes the CA into one CRD, unless this generation of it has it.
func (c *converting) write(ctx context.Context, name string, ca []byte) error {
	crd := crdNamed(name)
	if err := c.client.Get(ctx, client.ObjectKey{Name: name}, crd); err != nil {
		return err
	}
	if c.done[name] == (written{crd.Generation, string(ca)}) {
		return nil
	}
	patch, err := c.patch(ca)
	if err != nil {
		return err
	}
	switch err := c.client.Patch(ctx, crd, client.RawPatch(types.JSONPatchType, patch)); {
	case apierrors.IsInvalid(err):
		// The tests of the patch have failed: the CRD has another webhook, or none, because it is of another version.
		ctrl.LoggerFrom(ctx).Info("the CRD has no conversion by this controller, so earlier versions of its kind are not served",
			"crd", name, "reason", err.Error())
	case err != nil:
		return err
	}
	c.done[name] = written{crd.Generation, string(ca)}
	return nil
}

// patch returns a JSON patch that writes the CA if the CRD names the service.
func (c *converting) patch(ca []byte) ([]byte, error) {
	const clientConfig = "/spec/conversion/webhook/clientConfig"
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	encoded, err := json.Marshal([]operation{
		{Op: "test", Path: clientConfig + "/service/namespace", Value: c.secret.Namespace},
		{Op: "test", Path: clientConfig + "/service/name", Value: c.service},
		{Op: "add", Path: clientConfig + "/caBundle", Value: ca},
	})
	if err != nil {
		return nil, fmt.Errorf("cannot encode the CA: %w", err)
	}
	return encoded, nil
}
