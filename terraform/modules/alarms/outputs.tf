output "topic_arn" {
  description = "Topic of every alarm."
  value       = aws_sns_topic.alarms.arn
}

output "error_alarms" {
  description = "Name of the alarm that tells of each service's 5xx; empty without services."
  value       = { for service in keys(local.target_groups) : service => aws_cloudwatch_metric_alarm.above["${service}-HTTPCode_Target_5XX_Count"].alarm_name }
}
