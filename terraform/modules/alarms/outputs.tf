output "topic_arn" {
  description = "Topic of every alarm."
  value       = aws_sns_topic.alarms.arn
}
