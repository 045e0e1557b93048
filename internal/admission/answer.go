package admission

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
)

// errObject is the error of a caller that decodes into an object of another kind.
var errObject = errors.New("the object to decode into is of another kind")

// Weight returns the memory for decoding an object of a kind of tekton.dev from JSON, in bytes. It stops counting above the maximum.
func (k Kinds) Weight(kind string, raw []byte) int {
	known, ok := k[tekton(kind)]
	if !ok {
		return 0
	}
	return known.weight.taken(raw, maxDecoded)
}

// Decode decodes a definition of a kind of tekton.dev that was not admitted by the API server, such as one from a resolver. It applies
// what both webhooks apply: the limit of memory, the names of fields, the defaults and the rules.
func (k Kinds) Decode(ctx context.Context, kind string, raw []byte, into any) error {
	known, ok := k[tekton(kind)]
	if !ok {
		return fmt.Errorf("cannot check kind %q: %w", kind, errKind)
	}
	if reflect.TypeOf(into) != reflect.PointerTo(known.object) {
		return errObject
	}
	if err := known.tooCostly(ctx, raw, nil, 0).ToAggregate(); err != nil {
		return err
	}
	findings, err := known.validated(ctx, raw, nil)
	if err != nil {
		return err
	}
	if err := findings.Errors.ToAggregate(); err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}
