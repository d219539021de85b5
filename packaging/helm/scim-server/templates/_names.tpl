{{/* What everything is called. */}}
{{- define "scim-server.name" -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{/* What pods are found by. */}}
{{- define "scim-server.selector" -}}
app.kubernetes.io/name: scim-server
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "scim-server.labels" -}}
{{ include "scim-server.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{/* The settings: those of the chart, which others cannot replace, and then others. */}}
{{- define "scim-server.settings" -}}
{{- $own := dict "data" "/data/scim-server" "listen" "0.0.0.0:8080" "admin_listen" "0.0.0.0:9443" -}}
{{- $_ := set $own "public_url" .Values.publicUrl -}}
{{- $_ := set $own "trusted_proxies" .Values.trustedProxies -}}
{{- if .Values.postgresql.url -}}
{{- $_ := set $own "store" .Values.postgresql.url -}}
{{- $_ := set $own "store_password_file" "/secrets/password" -}}
{{- $_ := set $own "migrate" true -}}
{{- end -}}
{{- $usual := dict "audit_log" "-" "log_format" "json" -}}
{{- range $name, $value := merge $own .Values.settings $usual }}
{{ $name }} = {{ toJson $value }}
{{- end }}
{{- end -}}
