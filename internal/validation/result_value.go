package validation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// ResultError says why the bytes that a step wrote are not a value of the declared result.
type ResultError struct {
	// Result is the name of the result.
	Result string
	// Reason is the reason for the TaskRun's condition: TaskRunReasonResultNotUTF8 or TaskRunReasonValidationFailed.
	Reason string
	// Problem says what was expected, what was found, and at which byte.
	Problem string
}

func (e *ResultError) Error() string { return fmt.Sprintf("result %q %s", e.Result, e.Problem) }

// ResultFromBytes decodes the bytes that a step wrote. A string is those bytes, unchanged. An array is a JSON array of strings,
// an object a JSON object with string values that has every key of the declared properties; it may have more. The error is a
// *ResultError; it contains positions, never contents, which may be long or secret.
//
// It accepts only exact values. It refuses bytes that are not valid UTF-8, and escapes of half a character, which a decoder
// would replace silently. It also refuses an object with a duplicate key, because readers of JSON differ in which one they use.
func ResultFromBytes(declared v1.TaskResult, raw []byte) (v1.Value, error) {
	if at := invalidUTF8(raw); at >= 0 {
		return v1.Value{}, &ResultError{
			Result: declared.Name, Reason: v1.TaskRunReasonResultNotUTF8,
			Problem: fmt.Sprintf("is not valid UTF-8: byte %d of %d is 0x%02x", at, len(raw), raw[at]),
		}
	}
	t := declared.ValueType()
	if t == v1.TypeString {
		return v1.StringValue(string(raw)), nil
	}
	r := resultReader{decoder: json.NewDecoder(bytes.NewReader(raw)), raw: raw}
	r.decoder.UseNumber()
	value, problem := r.read(t)
	if problem == "" && t == v1.TypeObject {
		problem = missingKeys(declared.Properties, value.Object)
	}
	if problem != "" {
		return v1.Value{}, &ResultError{Result: declared.Name, Reason: v1.TaskRunReasonValidationFailed, Problem: problem}
	}
	return value, nil
}

func invalidUTF8(raw []byte) int {
	if utf8.Valid(raw) {
		return -1
	}
	for at := 0; at < len(raw); {
		r, size := utf8.DecodeRune(raw[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return -1
}

func missingKeys(properties map[string]v1.PropertySpec, object map[string]string) string {
	var missing list
	for key := range properties {
		if _, ok := object[key]; !ok {
			missing.add(key)
		}
	}
	if missing.size == 0 {
		return ""
	}
	return "of type object lacks the keys: " + missing.String()
}

// resultReader reads one JSON value token by token, so that its messages can say where something else was found.
type resultReader struct {
	decoder *json.Decoder
	raw     []byte
}

const (
	wantArray  = "is declared as array: expected a JSON array of strings"
	wantObject = "is declared as object: expected a JSON object with string values"
)

// read returns the value, or what is wrong with it.
func (r resultReader) read(t v1.ValueType) (value v1.Value, problem string) {
	want, opening := wantArray, json.Delim('[')
	if t == v1.TypeObject {
		want, opening = wantObject, json.Delim('{')
	}
	if len(bytes.TrimSpace(r.raw)) == 0 {
		return v1.Value{}, fmt.Sprintf("%s, found nothing (%d bytes)", want, len(r.raw))
	}
	token, problem := r.next(want)
	if problem != "" {
		return v1.Value{}, problem
	}
	if token != opening {
		return v1.Value{}, r.found(want, token)
	}
	if t == v1.TypeObject {
		value, problem = r.readObject()
	} else {
		value, problem = r.readArray()
	}
	if problem != "" {
		return v1.Value{}, problem
	}
	if _, err := r.decoder.Token(); !errors.Is(err, io.EOF) {
		return v1.Value{}, fmt.Sprintf("%s, found more behind its end at byte %d", want, r.decoder.InputOffset())
	}
	return value, r.halfCharacter()
}

func (r resultReader) readArray() (v1.Value, string) {
	elements := []string{}
	for r.decoder.More() {
		text, problem := r.text(fmt.Sprintf("%s, element %d", wantArray, len(elements)))
		if problem != "" {
			return v1.Value{}, problem
		}
		elements = append(elements, text)
	}
	_, problem := r.next(wantArray)
	return v1.ArrayValue(elements...), problem
}

func (r resultReader) readObject() (v1.Value, string) {
	object := map[string]string{}
	for r.decoder.More() {
		key, problem := r.text(wantObject)
		if problem != "" {
			return v1.Value{}, problem
		}
		if _, twice := object[key]; twice {
			return v1.Value{}, fmt.Sprintf("has the key %q twice, at byte %d", shown(key), r.decoder.InputOffset())
		}
		text, problem := r.text(fmt.Sprintf("%s, key %q", wantObject, shown(key)))
		if problem != "" {
			return v1.Value{}, problem
		}
		object[key] = text
	}
	_, problem := r.next(wantObject)
	return v1.ObjectValue(object), problem
}

// text reads a string, and nothing else.
func (r resultReader) text(want string) (text, problem string) {
	token, problem := r.next(want)
	if problem != "" {
		return "", problem
	}
	text, ok := token.(string)
	if !ok {
		return "", r.found(want, token)
	}
	return text, ""
}

// next reads a token; what the decoder says of a syntax error names a character at most.
func (r resultReader) next(want string) (json.Token, string) {
	token, err := r.decoder.Token()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Sprintf("%s, found its end at byte %d", want, len(r.raw))
	}
	if err != nil {
		return nil, fmt.Sprintf("%s, found at byte %d what is not JSON: %v", want, r.decoder.InputOffset(), err)
	}
	return token, ""
}

func (r resultReader) found(want string, token json.Token) string {
	noun := "a string"
	switch t := token.(type) {
	case nil:
		noun = "null"
	case bool:
		noun = "a boolean"
	case json.Number:
		noun = "a number"
	case json.Delim:
		noun = map[json.Delim]string{'[': "an array", '{': "an object"}[t]
	}
	return fmt.Sprintf("%s, found %s before byte %d", want, noun, r.decoder.InputOffset())
}

// halfCharacter finds an escape of one half of a surrogate pair without the other, which the decoder replaces by U+FFFD.
// The text is known to be valid JSON.
func (r resultReader) halfCharacter() string {
	const escape = len(`\u0000`)
	for at := 0; at < len(r.raw); {
		next := bytes.IndexByte(r.raw[at:], '\\')
		if next < 0 {
			return ""
		}
		at += next
		if r.raw[at+1] != 'u' {
			at += len(`\n`)
			continue
		}
		switch half := strings.ToLower(string(r.raw[at+2 : at+4])); {
		case half >= "d8" && half < "dc":
			rest := r.raw[at+escape:]
			if len(rest) < escape || rest[0] != '\\' || rest[1] != 'u' || !lowSurrogate(rest[2:4]) {
				return fmt.Sprintf("holds half a character, %s, at byte %d", r.raw[at:at+escape], at)
			}
			at += escape + escape
		case lowSurrogate(r.raw[at+2 : at+4]):
			return fmt.Sprintf("holds half a character, %s, at byte %d", r.raw[at:at+escape], at)
		default:
			at += escape
		}
	}
	return ""
}

func lowSurrogate(digits []byte) bool {
	half := strings.ToLower(string(digits))
	return half >= "dc" && half <= "df"
}
