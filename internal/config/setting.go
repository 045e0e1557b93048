package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

// SettingError is an invalid setting.
type SettingError struct {
	// ConfigMap, Key and Value are the setting as given.
	ConfigMap, Key, Value string
	// Want describes valid values.
	Want string
	// Used is the value that is used instead.
	Used string
	// Entry is the invalid entry of a list whose other entries are used. Used is empty then.
	Entry string
}

// Error reads like `feature-flags: max-result-size: "ten" is not …; using the default 4096`.
func (e SettingError) Error() string {
	if e.Entry != "" {
		return fmt.Sprintf("%s: %s: %q is not %s; the rest of the list is used", e.ConfigMap, e.Key, e.Entry, e.Want)
	}
	return fmt.Sprintf("%s: %s: %q is not %s; using the default %s", e.ConfigMap, e.Key, e.Value, e.Want, e.Used)
}

// settings parses the keys of one ConfigMap, each at most once, and records invalid values.
type settings struct {
	configMap string
	data      map[string]string
	problems  []SettingError
}

// refuse records that the value of a key is invalid, and the value that is used instead.
func (s *settings) refuse(key, want, used string) {
	s.problems = append(s.problems, SettingError{ConfigMap: s.configMap, Key: key, Value: s.data[key], Want: want, Used: used})
}

// refuseEntry records that an entry of a list is invalid.
func (s *settings) refuseEntry(key, entry, want string) {
	s.problems = append(s.problems, SettingError{ConfigMap: s.configMap, Key: key, Value: s.data[key], Want: want, Entry: entry})
}

// entries splits a list at commas. It removes white space and empty entries.
func entries(list string) []string {
	var all []string
	for one := range strings.SplitSeq(list, ",") {
		if one = strings.TrimSpace(one); one != "" {
			all = append(all, one)
		}
	}
	return all
}

// boolean parses "true" or "false".
func (s *settings) boolean(key string, into *bool) {
	switch value, ok := s.data[key]; {
	case !ok:
	case value == "true", value == "false":
		*into = value == "true"
	default:
		s.refuse(key, `"true" or "false"`, strconv.FormatBool(*into))
	}
}

// number parses an integer from least to most. want describes valid values.
func (s *settings) number(key string, into *int64, least, most int64, want string) {
	value, ok := s.data[key]
	if !ok {
		return
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < least || n > most {
		s.refuse(key, want, strconv.FormatInt(*into, 10))
		return
	}
	*into = n
}

// oneOf parses one of several words.
func oneOf[T ~string](s *settings, key string, into *T, values ...T) {
	value, ok := s.data[key]
	switch {
	case !ok:
	case slices.Contains(values, T(value)):
		*into = T(value)
	case len(values) == 1:
		s.refuse(key, quoteAll(values), string(*into))
	default:
		s.refuse(key, "one of "+quoteAll(values), string(*into))
	}
}

// document parses YAML with the fields of T and no other fields. It returns nil for an empty text.
func document[T any](s *settings, key, want string) *T {
	value := strings.TrimSpace(s.data[key])
	if value == "" {
		return nil
	}
	into := new(T)
	if err := strict(value, into); err != nil {
		s.refuse(key, fmt.Sprintf("%s (%v)", want, err), "nothing")
		return nil
	}
	return into
}

// strict decodes YAML. It fails for unknown and for duplicate fields.
func strict(text string, into any) error {
	asJSON, err := yaml.YAMLToJSONStrict([]byte(text))
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(asJSON))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

func quoteAll[T ~string](values []T) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = strconv.Quote(string(v))
	}
	slices.Sort(quoted)
	return strings.Join(quoted, ", ")
}
