"""Operations of two-way referral 双向转诊."""
