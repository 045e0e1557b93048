package validation

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

func TestResultFromBytes(t *testing.T) {
	text := v1.TaskResult{Name: "r"}
	array := v1.TaskResult{Name: "r", Type: v1.TypeArray}
	object := v1.TaskResult{Name: "r", Properties: map[string]v1.PropertySpec{"k": {}, "l": {}}}
	cases := map[string]struct {
		reason   string
		declared v1.TaskResult
		raw      string
		want     v1.Value
		err      string
	}{
		"String":          {"A string is the bytes as they are, the last newline too.", text, " a\n\x00[\"]\n", v1.StringValue(" a\n\x00[\"]\n"), ""},
		"EmptyString":     {"An empty file is an empty string.", text, "", v1.StringValue(""), ""},
		"NotUTF8":         {"Bytes that the API would alter are refused, with their place.", text, "ab\xff", v1.Value{}, `result "r" is not valid UTF-8: byte 2 of 3 is 0xff`},
		"CutCharacter":    {"So is a character that is cut off.", text, "a\xc3", v1.Value{}, `result "r" is not valid UTF-8: byte 1 of 2 is 0xc3`},
		"Array":           {"An array is decoded.", array, ` ["a", "", "\u00e9\ud83d\ude00\\u"] `, v1.ArrayValue("a", "", "é😀\\u"), ""},
		"EmptyArray":      {"An array can be empty.", array, `[]`, v1.ArrayValue(), ""},
		"NotUTF8InJSON":   {"JSON is checked before it is decoded, since decoders replace such bytes.", array, "[\"\xff\"]", v1.Value{}, `result "r" is not valid UTF-8: byte 2 of 5 is 0xff`},
		"NoFile":          {"An empty file is no array.", array, " \n", v1.Value{}, `result "r" is declared as array: expected a JSON array of strings, found nothing (2 bytes)`},
		"Number":          {"An array of numbers would not be carried whole.", array, `["a", 1.50]`, v1.Value{}, `result "r" is declared as array: expected a JSON array of strings, element 1, found a number before byte 10`},
		"Null":            {"A null is no string.", array, `[null]`, v1.Value{}, `result "r" is declared as array: expected a JSON array of strings, element 0, found null before byte 5`},
		"Nested":          {"Nor is an array.", array, `[["a"]]`, v1.Value{}, `result "r" is declared as array: expected a JSON array of strings, element 0, found an array before byte 2`},
		"ObjectAsArray":   {"What was found is named.", array, `{"a":"b"}`, v1.Value{}, `result "r" is declared as array: expected a JSON array of strings, found an object before byte 1`},
		"StringAsArray":   {"A text that is no JSON is told by its place, not by its content.", array, `secret`, v1.Value{}, `result "r" is declared as array: expected a JSON array of strings, found at byte 0 what is not JSON: invalid character 's' looking for beginning of value`},
		"CutArray":        {"A file that was cut off is told.", array, `["a", "b`, v1.Value{}, `result "r" is declared as array: expected a JSON array of strings, element 1, found its end at byte 8`},
		"OpenArray":       {"So is one that lacks its last character.", array, `["a"`, v1.Value{}, `result "r" is declared as array: expected a JSON array of strings, found its end at byte 4`},
		"More":            {"Two values are not one.", array, `["a"] []`, v1.Value{}, `result "r" is declared as array: expected a JSON array of strings, found more behind its end at byte 7`},
		"HalfCharacter":   {"Half a character would be replaced by the decoder.", array, `["\ud83d"]`, v1.Value{}, `result "r" holds half a character, \ud83d, at byte 2`},
		"OtherHalf":       {"So would the other half.", array, `["\\\uDE00"]`, v1.Value{}, `result "r" holds half a character, \uDE00, at byte 4`},
		"HalfAndText":     {"A half and something else are still a half.", array, `["\ud83d\u0041"]`, v1.Value{}, `result "r" holds half a character, \ud83d, at byte 2`},
		"Object":          {"An object has the declared keys and may have more.", object, `{"k":"1","l":"2","m":"3"}`, v1.ObjectValue(map[string]string{"k": "1", "l": "2", "m": "3"}), ""},
		"MissingKeys":     {"Each missing key is named.", object, `{"m":"3"}`, v1.Value{}, `result "r" of type object lacks the keys: k, l`},
		"KeyTwice":        {"Of a key that stands there twice nobody knows which one is meant.", object, `{"k":"1","k":"2","l":""}`, v1.Value{}, `result "r" has the key "k" twice, at byte 12`},
		"NumberInObject":  {"Values are strings.", object, `{"k":1}`, v1.Value{}, `result "r" is declared as object: expected a JSON object with string values, key "k", found a number before byte 6`},
		"ArrayAsObject":   {"What was found is named.", object, `["k"]`, v1.Value{}, `result "r" is declared as object: expected a JSON object with string values, found an array before byte 1`},
		"BooleanAsObject": {"Also when it is neither.", object, `true`, v1.Value{}, `result "r" is declared as object: expected a JSON object with string values, found a boolean before byte 4`},
		"CutObject":       {"A file that was cut off is told.", object, `{"k":"1",`, v1.Value{}, `result "r" is declared as object: expected a JSON object with string values, found its end at byte 9`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := ResultFromBytes(tc.declared, []byte(tc.raw))
			message := ""
			if err != nil {
				message = err.Error()
			}
			if message != tc.err || !got.Equal(tc.want) {
				t.Errorf("\n%s\nResultFromBytes(%q):\nwant %v, %q\n got %v, %q", tc.reason, tc.raw, tc.want, tc.err, got, message)
			}
			var typed *ResultError
			if err == nil {
				return
			}
			if !errors.As(err, &typed) {
				t.Fatalf("%T is no *ResultError", err)
			}
			wantReason := v1.TaskRunReasonValidationFailed
			if strings.Contains(tc.err, "UTF-8") {
				wantReason = v1.TaskRunReasonResultNotUTF8
			}
			if typed.Reason != wantReason {
				t.Errorf("\n%s\nreason: want %s, got %s", tc.reason, wantReason, typed.Reason)
			}
		})
	}
}

func TestResultsSurviveTheWayThroughAFile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, value := range []v1.Value{
			v1.ArrayValue(rapid.SliceOf(rapid.String()).Draw(t, "array")...),
			v1.ObjectValue(rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "object")),
		} {
			raw, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ResultFromBytes(v1.TaskResult{Name: "r", Type: value.Type}, raw)
			if err != nil || !got.Equal(value) {
				t.Fatalf("%s: want %v, got %v, %v", raw, value, got, err)
			}
		}
	})
}

// What is accepted encodes to JSON that means the same, and nothing panics.
func FuzzResultFromBytes(f *testing.F) {
	f.Add([]byte(`["a","\ud83d\ude00"]`))
	f.Add([]byte(`{"k":"v","k":"w"}`))
	f.Add([]byte("[\"\xff\\u"))
	f.Add([]byte(`["\udc00\ud800"]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, declared := range []v1.TaskResult{{Type: v1.TypeString}, {Type: v1.TypeArray}, {Type: v1.TypeObject}} {
			value, err := ResultFromBytes(declared, raw)
			if err != nil {
				continue
			}
			for _, text := range value.Texts() {
				if !utf8.ValidString(text) || declared.Type != v1.TypeString && strings.ContainsRune(text, utf8.RuneError) && !strings.Contains(string(raw), "\uFFFD") && !strings.Contains(strings.ToLower(string(raw)), `\ufffd`) {
					t.Fatalf("%q became %q", raw, text)
				}
			}
		}
	})
}
