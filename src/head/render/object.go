package main

import (
	"bytes"
	"encoding/json"
)

// object is one of JSON whose whole numbers are whole numbers, so that 8 is not printed as 8e+00, and without null, which a
// template would print as <no value>.
type object map[string]interface{}

func (o *object) UnmarshalJSON(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var raw map[string]interface{}
	if err := decoder.Decode(&raw); err != nil {
		return err
	}
	*o, _ = tidy(raw).(map[string]interface{})
	return nil
}

func tidy(v interface{}) interface{} {
	switch t := v.(type) {
	case json.Number:
		if whole, err := t.Int64(); err == nil {
			return int(whole)
		}
		fraction, _ := t.Float64()
		return fraction
	case map[string]interface{}:
		for key, one := range t {
			if one == nil {
				delete(t, key)
			} else {
				t[key] = tidy(one)
			}
		}
	case []interface{}:
		for i, one := range t {
			t[i] = tidy(one)
		}
	}
	return v
}
