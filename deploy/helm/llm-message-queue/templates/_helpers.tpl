{{- define "llmq.fullname" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{- define "llmq.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "llmq.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{ include "llmq.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* What carries the scheduler's decisions out, by the service's own setting. */}}
{{- define "llmq.actuator" -}}
{{- dig "scheduler" "actuator" "none" .Values.config -}}
{{- end }}

{{/* What would start and not work is refused here, with a sentence. */}}
{{- define "llmq.check" -}}
{{- if not .Values.existingSecret -}}
{{- fail "existingSecret is empty: name a Secret with NATS_USER, NATS_PASSWORD, DATABASE_PASSWORD and SECURITY_API_KEYS (see values.yaml)" -}}
{{- end -}}
{{- if not .Values.addressesInSecret -}}
{{- if not (dig "nats" "url" "" .Values.config) -}}
{{- fail "config.nats.url is empty: the image has no NATS server of its own. Set it, or NATS_URL in the Secret and addressesInSecret" -}}
{{- end -}}
{{- if not (or (dig "database" "host" "" .Values.config) (dig "database" "url" "" .Values.config)) -}}
{{- fail "config.database.host is empty: the image has no PostgreSQL of its own. Set it, or DATABASE_URL in the Secret and addressesInSecret" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.keda.enabled (ne (include "llmq.actuator" .) "none") -}}
{{- fail "keda.enabled and config.scheduler.actuator: two that scale the same Deployment undo each other's work. Leave the actuator at none" -}}
{{- end -}}
{{- end }}
