// Package admission sets defaults and rejects invalid objects before the API server stores them. The defaults and rules are
// pure functions in internal/validation; this package serves them as webhooks.
package admission

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"

	admissionv1 "k8s.io/api/admission/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/sluice-ci/sluice/internal/admission/specschema"
	"github.com/sluice-ci/sluice/internal/validation"
)

// Paths of the webhooks, as in config/webhook.
const (
	DefaultingPath = "/default"
	ValidatingPath = "/validate"
)

// Kind has the functions of the webhooks for objects of one kind, encoded as JSON. They return the error of the context when
// the context ends.
type Kind struct {
	// defaulted returns the changes that the defaults make, or the unknown fields of the object. old is nil unless the request is an update.
	defaulted func(ctx context.Context, raw, old []byte) (*defaulted, error)
	// validated returns the rules that an object breaks, and warnings. old is nil unless the request is an update.
	validated func(ctx context.Context, raw, old []byte) (validation.Findings, error)
	// object is the type of the objects, weight the memory for decoding one, and schema what the API server checks of its spec.
	object reflect.Type
	weight *weight
	schema *specschema.Schema
}

// Of returns the Kind of the objects of type T with these rules. limits returns the current limits.
func Of[T any](rules validation.Rules[T], limits func() validation.Limits) Kind {
	return OfRun(rules, limits, Completion[T]{})
}

// OfRun is Of for a kind of run. complete adds to the defaults what the settings say.
func OfRun[T any](rules validation.Rules[T], limits func() validation.Limits, complete Completion[T]) Kind {
	object := reflect.TypeFor[T]()
	all := weightOf(object, map[reflect.Type]*weight{})
	k := kindOf[T]{rules: rules, limits: limits, complete: complete, weight: all, fields: specOnly(all)}
	return Kind{defaulted: k.defaulted, validated: k.validated, object: object, weight: all, schema: specschema.Of(object.Name())}
}

type kindOf[T any] struct {
	rules    validation.Rules[T]
	limits   func() validation.Limits
	complete Completion[T]
	weight   *weight
	fields   *weight // those that are refused if they are unknown
}

// weighed decodes an object that is not stored yet. It fails if the object would take too much memory. old is the object that it replaces.
func (k kindOf[T]) weighed(ctx context.Context, raw, old []byte) (*T, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := k.weight.check(raw, old); err != nil {
		return nil, err
	}
	return k.decode(ctx, raw)
}

// decode decodes an object of any weight: a stored one, or one that was weighed.
func (k kindOf[T]) decode(ctx context.Context, raw []byte) (*T, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	object := new(T)
	return object, json.Unmarshal(raw, object)
}

func (k kindOf[T]) check(object *T, raw []byte) func(r *validation.Report) {
	return func(r *validation.Report) {
		reportUnknown(r, raw, k.fields)
		k.rules.Report(r, object)
		if k.rules.ReportLimits != nil {
			k.rules.ReportLimits(r, object, k.limits())
		}
	}
}

func (k kindOf[T]) validated(ctx context.Context, raw, old []byte) (validation.Findings, error) {
	object, err := k.weighed(ctx, raw, old)
	if err != nil {
		return validation.Findings{}, err
	}
	k.rules.Default(object) // the rules need the defaults, even if the defaulting webhook was unavailable
	report := validation.NewReport(ctx, nil)
	check := k.check(object, raw)
	check(report)
	if old == nil {
		return report.Findings(), ctx.Err()
	}
	before, err := k.decode(ctx, old)
	if err != nil {
		return validation.Findings{}, err
	}
	k.rules.Default(before)
	if len(report.Errors()) > 0 {
		// Leave out errors of the stored object, so that an object from a version with fewer rules can still be changed, for
		// example to cancel its run.
		report = validation.NewReport(ctx, validation.Known(ctx, k.check(before, old)))
		check(report)
	}
	if k.rules.Update != nil {
		report.Add(k.rules.Update(object, before)...)
	}
	return report.Findings(), ctx.Err()
}

// Kinds are the kinds with webhooks.
type Kinds map[schema.GroupKind]Kind

// Register serves both webhooks for the kinds. Together they handle a limited number of requests at the same time.
func (k Kinds) Register(server webhook.Server) { k.RegisterWith(server, nil) }

// RegisterWith is Register with more webhooks, by their paths, which share the limits.
func (k Kinds) RegisterWith(server webhook.Server, others map[string]http.Handler) {
	gate := newGate()
	k.register(server, gate)
	for path, other := range others {
		server.Register(path, &gatedHandler{other, gate})
	}
}

func (k Kinds) register(server webhook.Server, gate *gate) {
	server.Register(DefaultingPath, &gated{&admission.Webhook{Handler: admission.HandlerFunc(k.fillIn)}, gate})
	server.Register(ValidatingPath, &gated{&admission.Webhook{Handler: admission.HandlerFunc(k.judge)}, gate})
}

// errKind is the error for a kind without webhooks.
var errKind = errors.New("it has no webhook here; config/webhook and the controller have different versions")

func (k Kinds) kind(request admission.Request) (Kind, error) {
	kind, ok := k[schema.GroupKind{Group: request.Kind.Group, Kind: request.Kind.Kind}]
	if !ok {
		return Kind{}, fmt.Errorf("cannot admit kind %q: %w", request.Kind.Kind, errKind)
	}
	return kind, nil
}

// fillIn responds with the names of fields that are written in another case, and with the changes of the defaults. It refuses
// unknown fields here, because the rules of the schema, which is checked next, would only report what the misspelled field leaves
// out. It also refuses what would occupy the API server during that check.
func (k Kinds) fillIn(ctx context.Context, request admission.Request) admission.Response {
	kind, err := k.kind(request)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	if errs := removed(request); len(errs) > 0 {
		return refused(request, errs)
	}
	if errs := kind.tooCostly(ctx, request.Object.Raw, oldOf(request), 0); len(errs) > 0 {
		return refused(request, errs)
	}
	changed, err := kind.defaulted(ctx, request.Object.Raw, oldOf(request))
	switch {
	case ctx.Err() != nil:
		return stopped(ctx, request)
	case errors.Is(err, errHeavy):
		return admission.Errored(http.StatusBadRequest, fmt.Errorf("cannot validate %s: %w", request.Kind.Kind, err))
	case err != nil:
		// The object does not decode. Allow it here, because the schema, which is checked next, names the exact field. The
		// validating webhook rejects what it cannot decode. An update of a stored object that is as heavy is allowed, too.
		return admission.Allowed("")
	case len(changed.unknown) > 0:
		return refused(request, changed.unknown)
	}
	if more := kind.stepsOfDefaults(changed); more > 0 {
		if errs := kind.tooCostly(ctx, request.Object.Raw, oldOf(request), more); len(errs) > 0 {
			return refused(request, errs)
		}
	}
	operations, err := changed.operations()
	switch {
	case err != nil:
		return admission.Errored(http.StatusInternalServerError, fmt.Errorf("cannot set the defaults of %s: %w", request.Kind.Kind, err))
	case len(operations) == 0:
		return admission.Allowed("")
	}
	return admission.Patched("", operations...).WithWarnings(changed.respelled.warnings...)
}

// oldOf returns the object that a request changes, or nil.
func oldOf(request admission.Request) []byte {
	if request.Operation == admissionv1.Update {
		return request.OldObject.Raw
	}
	return nil
}

// judge rejects an object that breaks a rule, and reports the rules. For an object that it admits it returns the warnings.
func (k Kinds) judge(ctx context.Context, request admission.Request) admission.Response {
	kind, err := k.kind(request)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	if errs := removed(request); len(errs) > 0 {
		return refused(request, errs)
	}
	found, err := kind.validated(ctx, request.Object.Raw, oldOf(request))
	switch {
	case ctx.Err() != nil:
		return stopped(ctx, request)
	case err != nil:
		return admission.Errored(http.StatusBadRequest, fmt.Errorf("cannot validate %s: %w", request.Kind.Kind, err))
	case len(found.Errors) == 0:
		return admission.Allowed("").WithWarnings(clientWarnings(found.Warnings)...)
	default:
		return refused(request, found.Errors)
	}
}

// stopped is the response when the context has ended.
func stopped(ctx context.Context, request admission.Request) admission.Response {
	return admission.Errored(http.StatusGatewayTimeout, fmt.Errorf("cannot check %s within the timeout of the API server: %w",
		request.Kind.Kind, context.Cause(ctx)))
}

func refused(request admission.Request, errs field.ErrorList) admission.Response {
	name := request.Name
	if name == "" {
		name = "with a generated name"
	}
	status := apierrors.NewInvalid(schema.GroupKind{Group: request.Kind.Group, Kind: request.Kind.Kind}, name, errs).Status()
	return admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{Allowed: false, Result: &status}}
}
