output "urls" {
  description = "Repository URL of each image."
  value       = { for image, repository in aws_ecr_repository.this : image => repository.repository_url }
}

output "arns" {
  description = "Repository ARN of each image."
  value       = { for image, repository in aws_ecr_repository.this : image => repository.arn }
}
