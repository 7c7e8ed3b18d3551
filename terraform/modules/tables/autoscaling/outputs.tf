output "targets" {
  description = "What is scaled: resource, dimension and bounds."
  value       = [for target in aws_appautoscaling_target.this : "${target.resource_id} ${target.scalable_dimension} ${target.min_capacity}-${target.max_capacity}"]
}
