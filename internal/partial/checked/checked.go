// Package checked is a client that does not write what a cache has shortened.
package checked

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-ci/sluice/internal/partial"
)

// NewClient is client.New with New around it, for the options of a manager.
func NewClient(config *rest.Config, options client.Options) (client.Client, error) {
	under, err := client.New(config, options)
	if err != nil {
		return nil, err
	}
	return New(under), nil
}

// New returns a client that refuses to send an object with a mark of package partial, and a patch that replaces what the cache does
// not keep. Such a write fails with a *partial.Error and sends nothing. Reads and deletions are those of the given client. It copies
// no object, and computes each patch once.
func New(under client.Client) client.Client { return writer{under} }

type writer struct{ client.Client }

// Create refuses an object that is not whole.
func (w writer) Create(ctx context.Context, o client.Object, options ...client.CreateOption) error {
	if err := partial.Check("create", o); err != nil {
		return err
	}
	return w.Client.Create(ctx, o, options...)
}

// Update refuses an object that is not whole.
func (w writer) Update(ctx context.Context, o client.Object, options ...client.UpdateOption) error {
	if err := partial.Check("update", o); err != nil {
		return err
	}
	return w.Client.Update(ctx, o, options...)
}

// Apply refuses an object that is not whole.
func (w writer) Apply(ctx context.Context, o runtime.ApplyConfiguration, options ...client.ApplyOption) error {
	if err := checkApplied(o); err != nil {
		return err
	}
	return w.Client.Apply(ctx, o, options...)
}

// Patch refuses a patch of what the object lacks.
func (w writer) Patch(ctx context.Context, o client.Object, patch client.Patch, options ...client.PatchOption) error {
	patch, err := check(o, patch)
	if err != nil {
		return err
	}
	return w.Client.Patch(ctx, o, patch, options...)
}

// Status returns the client of the status, with the same checks.
func (w writer) Status() client.SubResourceWriter { return w.SubResource("status") }

// SubResource returns the client of a subresource, with the same checks.
func (w writer) SubResource(name string) client.SubResourceClient {
	return subresource{w.Client.SubResource(name)}
}

type subresource struct{ client.SubResourceClient }

// Create refuses a subresource that is not whole. The object itself is only named.
func (s subresource) Create(ctx context.Context, o, sent client.Object, options ...client.SubResourceCreateOption) error {
	if err := partial.Check("create a subresource with", sent); err != nil {
		return err
	}
	return s.SubResourceClient.Create(ctx, o, sent, options...)
}

// Update refuses an object that is not whole.
func (s subresource) Update(ctx context.Context, o client.Object, options ...client.SubResourceUpdateOption) error {
	sent := o
	if body := new(client.SubResourceUpdateOptions).ApplyOptions(options).SubResourceBody; body != nil {
		sent = body
	}
	if err := partial.Check("update a subresource of", sent); err != nil {
		return err
	}
	return s.SubResourceClient.Update(ctx, o, options...)
}

// Patch refuses a patch of what the object lacks.
func (s subresource) Patch(ctx context.Context, o client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
	sent := o
	if body := new(client.SubResourcePatchOptions).ApplyOptions(options).SubResourceBody; body != nil {
		sent = body
	}
	patch, err := check(sent, patch)
	if err != nil {
		return err
	}
	return s.SubResourceClient.Patch(ctx, o, patch, options...)
}

// Apply refuses an object that is not whole.
func (s subresource) Apply(ctx context.Context, o runtime.ApplyConfiguration, options ...client.SubResourceApplyOption) error {
	if body := new(client.SubResourceApplyOptions).ApplyOpts(options).SubResourceBody; body != nil {
		if err := checkApplied(body); err != nil {
			return err
		}
	} else if err := checkApplied(o); err != nil {
		return err
	}
	return s.SubResourceClient.Apply(ctx, o, options...)
}

// check returns a patch with its data, so that it is not computed again.
func check(o client.Object, patch client.Patch) (client.Patch, error) {
	data, err := patch.Data(o)
	if err != nil {
		return nil, err
	}
	if err := partial.CheckPatch(o, patch.Type(), data); err != nil {
		return nil, err
	}
	return client.RawPatch(patch.Type(), data), nil
}

// checkApplied checks what was made from an object. Generated types of configurations have no field for a mark.
func checkApplied(o runtime.ApplyConfiguration) error {
	if from, ok := o.(metav1.Object); ok {
		return partial.Check("apply", from)
	}
	return nil
}
