// Package webhookcert manages the serving certificate of the webhooks. It creates and renews the certificate in a Secret and
// writes its CA into the webhook configurations. It also writes the certificate to files immediately; a mounted Secret would
// take up to a minute to arrive.
package webhookcert

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

// Names of the files that webhook servers read.
const (
	certFile = "tls.crt"
	keyFile  = "tls.key"
)

// Options has the names of the certificate and of the objects that use it.
type Options struct {
	// Secret of the certificate. It must exist, but may be empty.
	Secret types.NamespacedName
	// Service of the webhooks, in the namespace of the Secret. The certificate is for its name in the cluster.
	Service string
	// Dir is the folder of the files.
	Dir string
	// Validating and Mutating are the names of the webhook configurations that get the CA; empty if there is none.
	Validating, Mutating string
	// CRDs are the names of the CRDs whose conversion webhook gets the CA. Those that name another service do not get it.
	CRDs []string
}

// Certificate is a managed certificate.
type Certificate struct {
	// Written is closed when the files exist.
	Written <-chan struct{}
	// Trusted is closed when the webhook configurations have the CA, too.
	Trusted <-chan struct{}
	// Converting is closed when the CRDs have the CA. It is nil if there are none.
	Converting <-chan struct{}
}

// AddToManager makes mgr manage the certificate.
func AddToManager(mgr ctrl.Manager, o Options) (Certificate, error) {
	trusted := make(chan struct{})
	err := rotator.AddRotator(mgr, &rotator.CertRotator{
		SecretKey:      o.Secret,
		CertDir:        o.Dir,
		CAName:         o.Service + "-ca",
		CAOrganization: "sluice",
		DNSName:        fmt.Sprintf("%s.%s.svc", o.Service, o.Secret.Namespace),
		IsReady:        trusted,
		// The first replica creates the certificate, and all serve with it. If only the leader did, a new version could wait
		// for a certificate that the old leader does not know, while the old leader waits for the new version to be ready.
		RequireLeaderElection: false,
		Webhooks:              o.configurations(),
	})
	if err != nil {
		return Certificate{}, fmt.Errorf("cannot add certificate rotator to manager: %w", err)
	}
	w := &writer{reader: mgr.GetClient(), dir: o.Dir, ready: make(chan struct{})}
	ours := predicate.NewPredicateFuncs(func(s client.Object) bool { return client.ObjectKeyFromObject(s) == o.Secret })
	err = ctrl.NewControllerManagedBy(mgr).Named("certificate-files").
		For(&corev1.Secret{}).WithEventFilter(ours).
		WithOptions(controller.Options{NeedLeaderElection: new(false), MaxConcurrentReconciles: 1}).
		Complete(w)
	if err != nil {
		return Certificate{}, fmt.Errorf("cannot add certificate files to manager: %w", err)
	}
	certificate := Certificate{Written: w.ready, Trusted: trusted}
	if len(o.CRDs) > 0 {
		c := &converting{
			client: mgr.GetClient(), secret: o.Secret, service: o.Service, crds: o.CRDs, done: map[string]written{}, ready: make(chan struct{}),
		}
		if err := c.addToManager(mgr); err != nil {
			return Certificate{}, err
		}
		certificate.Converting = c.ready
	}
	return certificate, nil
}

// configurations returns the webhook configurations that get the CA.
func (o Options) configurations() []rotator.WebhookInfo {
	all := []rotator.WebhookInfo{{Name: o.Validating, Type: rotator.Validating}, {Name: o.Mutating, Type: rotator.Mutating}}
	return slices.DeleteFunc(all, func(w rotator.WebhookInfo) bool { return w.Name == "" })
}

// writer writes the certificate of a Secret to files when the Secret changes. Only one worker calls it.
type writer struct {
	reader  client.Reader
	dir     string
	ready   chan struct{}
	written bool
}

// Reconcile writes the files. If the rotator has not filled the Secret yet, the next change of the Secret triggers a reconcile.
func (w *writer) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	secret := &corev1.Secret{}
	if err := w.reader.Get(ctx, request.NamespacedName, secret); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	cert, key := secret.Data[certFile], secret.Data[keyFile]
	if _, err := tls.X509KeyPair(cert, key); err != nil {
		ctrl.LoggerFrom(ctx).Info("the serving certificate is not usable yet", "secret", request.String(), "reason", err.Error())
		return ctrl.Result{}, nil
	}
	if err := w.write(map[string][]byte{keyFile: key, certFile: cert}); err != nil {
		return ctrl.Result{}, err
	}
	if !w.written {
		w.written = true
		close(w.ready)
	}
	return ctrl.Result{}, nil
}

// write replaces each file in one step. The server reads the pair again when one of the files changes, and keeps the old pair
// while the files do not match.
func (w *writer) write(files map[string][]byte) error {
	if err := os.MkdirAll(w.dir, 0o700); err != nil {
		return fmt.Errorf("cannot create folder for certificate: %w", err)
	}
	for name, content := range files {
		temporary := filepath.Join(w.dir, "."+name)
		if err := os.WriteFile(temporary, content, 0o600); err != nil {
			return fmt.Errorf("cannot write certificate: %w", err)
		}
		if err := os.Rename(temporary, filepath.Join(w.dir, name)); err != nil {
			return fmt.Errorf("cannot write certificate: %w", err)
		}
	}
	return nil
}
