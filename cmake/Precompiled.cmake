function(penstock_precompiled target)
endfunction()
