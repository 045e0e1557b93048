package admission

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"

	jsonpatch "gomodules.xyz/jsonpatch/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/sluice-ci/sluice/internal/annotations"
)

// Completion is what the webhook adds to the runs of a kind from the settings. All functions are nil for other kinds.
type Completion[T any] struct {
	// Meta returns the metadata of a run.
	Meta func(run *T) *metav1.ObjectMeta
	// Create completes a new run, and Update a run that replaces the stored one.
	Create func(run *T)
	Update func(run, old *T)
}

// defaulted is an object before and after its defaults, encoded. Both are of the same type, so that their difference has
// nothing else in it.
type defaulted struct {
	before, after []byte
	// removed are the keys of annotations that the object must not have. before does not have them any more.
	removed []string
	// most is how many bytes of operations may change parts of a value.
	most int
	// respelled are the changes of names that come first.
	respelled respelling
	// unknown are the unknown fields. The rest is empty if there are any.
	unknown field.ErrorList
}

// errStoredHeavy is the error for an object above maxDecoded that replaces a stored one of that weight. It is admitted without defaults,
// because they would take the same memory twice more.
var errStoredHeavy = errors.New("it replaces an object that has too many small elements, too")

func (k kindOf[T]) defaulted(ctx context.Context, raw, old []byte) (*defaulted, error) {
	object, err := k.weighed(ctx, raw, nil)
	if errors.Is(err, errHeavy) && k.weight.check(raw, old) == nil {
		return nil, errStoredHeavy
	}
	if err != nil {
		return nil, err
	}
	if unknown := k.unknown(ctx, raw, old); len(unknown) > 0 {
		return &defaulted{unknown: unknown}, nil
	}
	d := &defaulted{respelled: respell(raw, k.fields), most: maxInside}
	if old != nil {
		d.most = math.MaxInt // a stored object can have unknown fields, which the replacement of a value would remove
	}
	if k.complete.Meta != nil && old == nil {
		d.removed = annotations.RemoveReserved(k.complete.Meta(object).Annotations)
	}
	if d.before, err = json.Marshal(object); err != nil {
		return nil, err
	}
	k.rules.Default(object)
	if err := k.completed(ctx, object, old); err != nil {
		return nil, err
	}
	d.after, err = json.Marshal(object)
	return d, err
}

// completed adds what the settings say.
func (k kindOf[T]) completed(ctx context.Context, object *T, old []byte) error {
	switch {
	case k.complete.Create == nil:
	case old == nil:
		k.complete.Create(object)
	default:
		before, err := k.decode(ctx, old)
		if err != nil {
			return err
		}
		k.complete.Update(object, before)
	}
	return ctx.Err()
}

// operations returns the JSON patch that makes the changes.
func (d *defaulted) operations() ([]jsonpatch.Operation, error) {
	operations := d.respelled.operations
	for _, key := range d.removed {
		operations = append(operations, jsonpatch.NewOperation("remove", "/metadata/annotations/"+escaped(key), nil))
	}
	if bytes.Equal(d.before, d.after) {
		return operations, nil
	}
	added, err := additions(d.before, d.after, d.most)
	return append(operations, added...), err
}
